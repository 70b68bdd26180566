"""Which words or characters tokens make up, worked out by hand."""

from __future__ import annotations

import unicodedata

import pytest

from regard.config import TokeniserConfig
from regard.data import Tokeniser
from regard.data.words import input_units, output_units, words_of
from regard.records.text import END, UNKNOWN


@pytest.mark.parametrize(
    ("form", "text", "apart", "units"),
    [
        ("NFC", "xé", False, ["x", "é"]),
        ("NFC", "xe\u0301", False, ["x", "é"]),
        ("NFC", "Xa", False, ["X", "a"]),  # as it was typed
        ("NFD", "xé", False, ["x", "é", "é"]),
        ("NFD", "xé", True, ["x", "e", "\u0301"]),
        ("NFD", "xe\u0301", False, ["x", "é", "é"]),
        ("NFD", "XÉ", False, ["X", "É", "É"]),
        ("NFD", "가", False, ["가", "가"]),
        ("NFKC", "ﬁx", False, ["f", "i", "x"]),  # no longer in their places
    ],
)
def test_every_character_token_has_what_was_typed(
    form: str, text: str, apart: bool, units: list[str]
) -> None:
    tokeniser = Tokeniser.train(["a"], TokeniserConfig(kind="characters", normalise=form, lowercase=True))
    found = input_units(tokeniser, text, [*tokeniser.encode(text), END], apart)
    assert list(found.texts) == units
    assert found.word_of_token == (*range(len(units)), -1)


@pytest.mark.parametrize(("kind", "units"), [("words", ["zog"]), ("characters", ["z", "o", "g"])])
def test_features_follow_what_was_typed(kind: str, units: list[str]) -> None:
    tokeniser = Tokeniser.train(["a"], TokeniserConfig(kind=kind), ["V", "PST"])
    ids = tokeniser.encode("zog\tV;PST")
    assert UNKNOWN in ids
    found = input_units(tokeniser, "zog\tV;PST", [*ids, END], False)
    assert list(found.texts) == [*units, "V", "PST"]
    assert found.word_of_token == (*range(len(units) + 2), -1)


def test_written_tokens_are_told_from_what_they_look_like_together() -> None:
    tokeniser = Tokeniser.train(
        [unicodedata.normalize("NFD", "éàùî")], TokeniserConfig(kind="characters", normalise="NFD")
    )
    ids = [*tokeniser.encode("éàùî"), UNKNOWN]
    text = tokeniser.decode(ids)  # as many characters as tokens, by chance
    assert len(text) == len(ids)
    assert [*output_units(tokeniser, text, ids).texts] == [*unicodedata.normalize("NFD", "éàùî"), "<unk>"]


def test_words_are_those_of_the_text() -> None:
    tokeniser = Tokeniser.train(["ab cd"] * 3, TokeniserConfig(kind="bpe", size=400))
    ids = [*tokeniser.encode("ab  xy"), END]
    found = words_of(tokeniser, "ab xy", ids)
    assert found.texts == ("ab", "xy")
    assert max(found.word_of_token) == 1
