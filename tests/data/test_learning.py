"""Which tokens are learnt, worked out by hand or by an obvious search; the same in every process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from regard.data.grammar import generate
from regard.errors import ConfigError
from regard.records.text import SPECIALS
from tests.data.tokenisers import KINDS, TEXTS, train


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_what_has_no_space_for_long_is_learnt_from_in_parts(kind: str) -> None:
    endless = "x" * 5000
    learnt = train(kind, [*TEXTS, endless])
    assert max(len(token.strip()) for token in learnt.token_bytes()) <= 1000
    assert learnt.decode(learnt.encode(endless)) == endless


def test_bpe_learns_joins_but_never_one_that_looks_like_a_special_or_a_byte() -> None:
    bpe = train("bpe", ["<pad> </s> <0x41> <0xE4> essen"] * 50, size=1000)
    assert bpe.tokens(bpe.encode("essen")) == ["▁essen"]
    assert bpe.tokens(bpe.encode("<0x41>")) == ["▁", "<", "0x41", ">"]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_no_token_joins_letters_with_signs(kind: str) -> None:
    tokeniser = train(kind, ["dog. (dog) don't dog-dog, 3.5"] * 50, size=1000)
    if kind == "bpe":
        assert tokeniser.tokens(tokeniser.encode("dog. (dog)")) == ["▁dog", ".", "▁(", "dog", ")"]
    for token in tokeniser.tokens(tokeniser.encode("dog. (dog) don't dog-dog, 3.5")):
        letters = token.lstrip("▁'")
        assert letters.isalnum() or len(letters) <= 1


def test_vocabulary_is_the_most_frequent_first() -> None:
    words = train("words", ["b a c", "c a", "c d"], size=7)
    assert words.tokens(range(len(words))) == [*SPECIALS, "c", "a", "b"]
    assert train("words", ["b a c", "c a", "c d"], min_frequency=2).tokens(range(4, 6)) == ["c", "a"]
    assert train("characters", ["ab b"]).tokens(range(4, 7)) == ["b", "▁", "a"]


def test_bpe_never_exceeds_its_size_and_keeps_the_frequent_characters() -> None:
    texts = [character * (i + 1) for i, character in enumerate("abcdefghijklmnop")]
    bpe = train("bpe", texts, size=4 + 250 + 1 + 5)
    assert len(bpe) == 260
    assert sorted(bpe.tokens(range(254, 260))) == ["l", "m", "n", "o", "p", "▁"]


def test_bpe_joins_the_most_frequent_neighbours_first() -> None:
    # by hand: "ab" stands 9 times, "▁c" 3 times; "▁ab" stands 6 times once ab is joined
    bpe = train("bpe", ["abab abab abab", "ab ab ab", "c c c"], size=254 + 4 + 2)
    assert bpe.tokens(range(258, 260)) == ["ab", "▁ab"]


@pytest.mark.parametrize("kind", KINDS)
def test_too_small_a_size_is_refused(kind: str) -> None:
    least = 254 if kind in ("bpe", "unigram") else 4
    assert len(train(kind, size=least + 1)) == least + 1
    with pytest.raises(ConfigError, match=f"more than {least} for {kind} .* got {least}"):
        train(kind, size=least)


TRAIN = """
from regard.config import TokeniserConfig
from regard.data.tokeniser import Tokeniser
texts = [chr(0x4E00 + i % 997) + chr(0x5E00 + i % 89) + " " + chr(0x4E00 + i % 7) for i in range(2000)]
kinds = ("words", "characters", "bpe", "unigram")
learnt = [Tokeniser.train(iter(texts), TokeniserConfig(kind=kind, size=600)) for kind in kinds]
vocabularies = [tokeniser.tokens(range(len(tokeniser))) for tokeniser in learnt]
"""


def test_training_is_the_same_in_every_process() -> None:
    # many equally frequent characters, more than there is room for: what is kept must not depend on a hash seed
    here: dict[str, list[list[str]]] = {}
    exec(TRAIN, here)
    elsewhere = subprocess.run(
        [sys.executable, "-c", TRAIN + "import json; print(json.dumps(vocabularies))"],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=True,
    )
    assert json.loads(elsewhere.stdout) == here["vocabularies"]
    assert [len(vocabulary) for vocabulary in here["vocabularies"]] == [600] * 4


def test_unigram_cuts_a_word_in_the_likeliest_way() -> None:
    sentences = [pair.source for pair in generate(300, 1)]
    unigram = train("unigram", sentences, size=700)
    assert 300 < len(unigram) <= 700
    scores = dict(json.loads(unigram._library.to_str())["model"]["vocab"])

    def best(text: str) -> float:
        reached = [0.0]
        for end in range(1, len(text) + 1):
            ways = (reached[start] + scores.get(text[start:end], -1e9) for start in range(end))
            reached.append(max(ways))
        return reached[-1]

    for word in {word for sentence in sentences for word in sentence.split()}:
        tokens = [token.replace("▁", " ") for token in unigram.tokens(unigram.encode(word))]
        assert "".join(tokens) == f" {word}"
        assert sum(scores[token] for token in tokens) == pytest.approx(best(f" {word}"))


@pytest.mark.parametrize("texts", [[], [""], ["  "], ["a"]])
def test_there_may_be_next_to_nothing_to_learn(texts: list[str]) -> None:
    for kind in KINDS:
        tokeniser = train(kind, texts, size=300)
        assert tokeniser.decode(tokeniser.encode("a")) in ("a", "<unk>")


def test_rare_characters_have_no_token_of_their_own_where_there_is_no_room() -> None:
    texts = [character * (i + 1) for i, character in enumerate("abcdefghijklmnop")]
    unigram = train("unigram", texts, size=4 + 250 + 1 + 5)
    assert sorted(set(unigram.tokens(range(254, 260))) & set("abcdefghijklmnop")) == ["l", "m", "n", "o", "p"]
    assert unigram.decode(unigram.encode("abc")) == "abc"
