"""Vocabularies that grow at their end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from regard.config import TokeniserConfig
from regard.data import Tokeniser
from regard.errors import ConfigError

WORDS = TokeniserConfig(kind="words", lowercase=True)
CHARACTERS = TokeniserConfig(kind="characters")


@pytest.mark.parametrize(
    ("config", "known", "new", "added"),
    [
        (WORDS, ["der Baum", "der Stein"], ["Der Apfel", "der apfel und der BAUM"], ["apfel", "und"]),
        (CHARACTERS, ["abba"], ["cab", "ac d"], ["c", "▁", "d"]),
    ],
)
def test_new_tokens_come_at_the_end_the_most_frequent_first(config, known, new, added, tmp_path: Path):
    old = Tokeniser.train(known, config)
    grown = old.grown(new)
    assert grown.tokens(range(len(grown))) == old.tokens(range(len(old))) + added
    for text in known:
        assert grown.encode(text) == old.encode(text)
    for text in new:
        assert grown.decode(grown.encode(text)) == grown.normalise(text)
    grown.save(tmp_path / "grown.json")
    assert Tokeniser.load(tmp_path / "grown.json").encode(new[0]) == grown.encode(new[0])


def test_rare_tokens_stay_unknown_and_no_more_than_size_are_added():
    config = replace(WORDS, min_frequency=2, size=6)
    old = Tokeniser.train(["a a"], config)
    grown = old.grown(["b b c d d e e f f g g h h i i j j"])
    assert grown.tokens(range(len(old), len(grown))) == ["b", "d", "e", "f", "g", "h"]


def test_nothing_new_changes_nothing():
    old = Tokeniser.train(["a b"], WORDS)
    assert len(old.grown(["b a a"])) == len(old)


def test_byte_pairs_cannot_grow():
    tokeniser = Tokeniser.train(["ein satz", "ein satz"], TokeniserConfig(kind="bpe", size=400))
    with pytest.raises(ConfigError, match="only tokenisers of words or characters can grow; bpe writes"):
        tokeniser.grown(["neu"])
