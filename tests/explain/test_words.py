from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from regard.explain.words import fit_to_width, is_right_to_left, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a␛[31mb"),
        ("a\tb\nc", "a␉b␊c"),
        ("\x7f\x9b", "␡�"),
        ("a\u202eb\u2066c", "a�b�c"),
        ("a\u2028b", "a�b"),
        ("Straße 猫 مرحبا 🙂", "Straße 猫 مرحبا 🙂"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),
    ],
)
def test_control_characters_are_shown_not_obeyed(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_moves_the_cursor_is_left(text: str) -> None:
    assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in visible(text))
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("word", "width", "shown"),
    [
        ("ab", 4, "ab  "),
        ("abcdef", 4, "abc…"),
        ("猫猫猫", 4, "猫… "),
        ("猫", 1, "…"),
        ("", 2, "  "),
        ("a", 0, ""),
    ],
)
def test_words_are_cut_and_padded_by_cells(word: str, width: int, shown: str) -> None:
    assert fit_to_width(word, width) == shown


def test_padding_on_the_left() -> None:
    assert fit_to_width("猫", 4, right=True) == "  猫"


def test_right_to_left_words_are_closed_by_a_mark() -> None:
    assert fit_to_width("שלום", 5) == "שלום\u200e "
    assert fit_to_width("שלום", 5, right=True) == " שלום\u200e"
    assert is_right_to_left("ab عربي")
    assert not is_right_to_left("abc 12")


@given(st.text(alphabet="ab猫é…שع\x1b", max_size=12), st.integers(0, 12))
def test_every_word_fits_its_width(word: str, width: int) -> None:
    assert cell_len(fit_to_width(word, width)) == cell_len(fit_to_width(word, width, right=True)) == width
