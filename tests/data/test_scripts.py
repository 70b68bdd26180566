"""Scripts that put no spaces between words."""

from __future__ import annotations

from regard.data.phrases import is_word_character
from regard.data.scripts import is_unspaced


def test_scripts_without_spaces_are_known() -> None:
    assert all(map(is_unspaced, "你カ。ก，བມខကーｶ々𠀀"))
    assert not any(map(is_unspaced, "aé한я.اＡ１ጀ"))


def test_the_same_scripts_have_no_edges_between_words() -> None:
    for character in "你カก་བເខကーｶ々𠀀":
        assert not is_word_character(character)
    for character in "aé한яاＡ１9\u0301":
        assert is_word_character(character)
