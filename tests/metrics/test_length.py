from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import ConfigError, DataError
from regard.metrics import (
    ExactMatch,
    LengthBin,
    Statistics,
    bleu,
    bleu_metric,
    by_length,
    chrf,
    chrf_metric,
    exact_match,
)


def binned(
    hypotheses: list[str], references: list[str], lengths: list[int], *edges: Sequence[int]
) -> list[LengthBin]:
    metrics = (bleu_metric(), chrf_metric(), ExactMatch())
    tallies = [Statistics.compute(metric, hypotheses, [references]) for metric in metrics]
    return by_length(*tallies, lengths, *edges)


def test_sentences_go_to_the_bin_of_their_length() -> None:
    bins = binned(["a"] * 6, ["a"] * 6, [1, 10, 11, 20, 21, 99], (10, 20))
    assert [(row.label, row.num_sentences) for row in bins] == [("≤ 10", 2), ("11–20", 2), ("> 20", 2)]


def test_each_bin_is_scored_as_a_corpus_of_its_own() -> None:
    hypotheses = ["a b c d", "a b c x y", "q r s t u"]
    references = ["a b c d", "a b c d e", "q r s t u"]
    short, long = binned(hypotheses, references, [4, 15, 15], (10,))
    assert short.bleu == pytest.approx(100)
    assert long.bleu == bleu(hypotheses[1:], references[1:]).value
    assert long.chrf == chrf(hypotheses[1:], references[1:]).value
    assert long.exact_match == exact_match(hypotheses[1:], references[1:]).value == 50


def test_empty_bins_are_left_out_and_single_lengths_named() -> None:
    assert [row.label for row in binned(["a"] * 2, ["a"] * 2, [2, 50], (1, 2, 40))] == ["2", "> 40"]
    assert [row.label for row in binned(["a"], ["a"], [3], (1, 3))] == ["2–3"]


@given(st.lists(st.integers(0, 80), min_size=1, max_size=20))
def test_no_sentence_is_lost(lengths: list[int]) -> None:
    sentences = ["a"] * len(lengths)
    assert sum(row.num_sentences for row in binned(sentences, sentences, lengths)) == len(lengths)


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match="got 1 lengths for 2 translations"):
        binned(["a", "b"], ["a", "b"], [1])
    with pytest.raises(DataError, match="got 2 lengths for 1 translations"):
        binned(["a"], ["a"], [1, 2])
    with pytest.raises(ConfigError, match=r"increasing numbers.*got \[20, 10\]"):
        binned(["a"], ["a"], [1], (20, 10))
    with pytest.raises(ConfigError, match=r"got \[\]"):
        binned(["a"], ["a"], [1], ())
