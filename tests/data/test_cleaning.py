"""Which pairs are left out, and why."""

from __future__ import annotations

from typing import Any

import pytest

from regard.data.cleaning import Cleaner
from regard.errors import ConfigError
from regard.records.text import Pair


def left_out(pairs: list[tuple[str, str]], **rules: Any) -> tuple[list[Pair], dict[str, int]]:
    """The pairs that are kept, and the counts."""
    cleaner = Cleaner(**rules)
    cleaned = [cleaner.clean(Pair(*pair)) for pair in pairs]
    return [pair for pair in cleaned if pair is not None], dict(cleaner.counts)


def test_an_empty_side_leaves_nothing_to_learn() -> None:
    kept, counts = left_out([("a", "b"), ("", "b"), ("a", " \t"), ("\x00", "b")])
    assert kept == [Pair("a", "b")]
    assert counts == {"empty": 3, "control characters stripped": 1}


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9c", "\ufeff", "\uffff"])
def test_control_characters_are_stripped_dropped_or_kept(character: str) -> None:
    pair = (f"die{character} frau", "the woman")
    assert left_out([pair]) == ([Pair("die frau", "the woman")], {"control characters stripped": 1})
    assert left_out([pair], control_characters="drop") == ([], {"control characters": 1})
    assert left_out([pair], control_characters="keep") == ([Pair(*pair)], {})


def test_control_characters_of_the_target_count_too() -> None:
    pair = ("die frau", "the \x00woman")
    assert left_out([pair]) == ([Pair("die frau", "the woman")], {"control characters stripped": 1})
    assert left_out([pair], control_characters="drop") == ([], {"control characters": 1})


def test_features_alone_are_a_source_and_tell_pairs_apart() -> None:
    pairs = [("\tV", "x"), ("walk\tV", "x"), ("walk\tN", "x"), ("walk\tV", "x")]
    assert left_out(pairs) == ([Pair(*pair) for pair in pairs], {})
    assert left_out(pairs, drop_duplicates=True)[1] == {"duplicate": 1}


def test_white_space_among_them_becomes_a_space() -> None:
    assert left_out([("a\x0bb\x85c", "x")])[0] == [Pair("a b c", "x")]


@pytest.mark.parametrize("text", ["a\tb", "می\u200cخواهم", "👩\u200d👧", "e\u0301", "a\u00a0b", "a\u2028b"])
def test_what_texts_need_stays(text: str) -> None:
    assert left_out([(text, text + "x")], control_characters="drop")[0] == [Pair(text, text + "x")]


@pytest.mark.parametrize(
    ("scripts", "fitting", "wrong"),
    [
        (["Cyrillic"], "привет, world!!", "hello, миру"),
        (["latin"], "ｈｅｌｌｏ œuvre", "γειά σου"),
        (["Han"], "中文 ab", "中文 abcdef"),
        (["Han", "Hiragana", "Katakana"], "これはテストです", "한국어"),
        (["Hangul"], "한국어 ok", "ok 한"),
        (["Devanagari"], "क्षेत्र", "kṣetra"),
    ],
)
def test_at_least_half_of_the_letters_are_of_the_script(scripts: list[str], fitting: str, wrong: str) -> None:
    kept, counts = left_out([(fitting, "a"), (wrong, "b"), ("12 + 3 !", "c")], source_scripts=scripts)
    assert [pair.target for pair in kept] == ["a", "c"]
    assert counts == {"wrong script": 1}
    assert left_out([("x1", wrong)], target_scripts=scripts)[1] == {"wrong script": 1}


def test_features_do_not_count_as_text_of_a_script() -> None:
    assert left_out([("идти\tVERB;PAST;SINGULAR", "шёл")], source_scripts=["Cyrillic"])[1] == {}


def test_an_unknown_script_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown script 'Cyrilic'; expected scripts as Unicode names them"):
        Cleaner(source_scripts=["Cyrilic"])
    with pytest.raises(ConfigError, match="unknown script 'Lat'"):
        Cleaner(target_scripts=["Lat"])


def test_duplicates_and_copies_on_request() -> None:
    pairs = [("a", "b"), ("a", "c"), ("a", "b"), ("x", " x ")]
    assert len(left_out(pairs)[0]) == 4
    assert left_out(pairs, drop_duplicates=True)[1] == {"duplicate": 1}
    assert left_out(pairs, drop_equal=True)[1] == {"source equals target": 1}
