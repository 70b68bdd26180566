"""Quality by the length of the source sentence: where a fixed sentence vector runs out of capacity."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from regard.errors import DataError
from regard.metrics.bins import check_edges, span
from regard.metrics.sufficient_statistics import Statistics

EDGES = (10, 20, 30, 40, 50)


@dataclass(frozen=True)
class LengthBin:
    """The sentences whose source has this many words (or characters), with the scores of their translations."""

    label: str
    num_sentences: int
    bleu: float
    chrf: float
    exact_match: float


def by_length(
    bleu: Statistics,
    chrf: Statistics,
    exact_match: Statistics,
    source_lengths: Sequence[int],
    edges: Sequence[int] = EDGES,
) -> list[LengthBin]:
    """Score sentences by the length of their source, each bin as a corpus of its own.

    `edges` are the longest lengths of the bins, in the unit of `source_lengths`: (10, 20) gives the bins ≤ 10,
    11–20 and > 20. A bin without sentences is left out. Raises DataError unless there is a length for each
    sentence, ConfigError for edges that do not increase.
    """
    _check_lengths(source_lengths, len(bleu.counts))
    labels = _labels(edges)
    sentences: list[list[int]] = [[] for _ in labels]
    for sentence, length in enumerate(source_lengths):
        sentences[bisect_left(edges, length)].append(sentence)
    return [
        LengthBin(label, len(members), bleu.value(members), chrf.value(members), exact_match.value(members))
        for label, members in zip(labels, sentences, strict=True)
        if members
    ]


def _labels(edges: Sequence[int]) -> list[str]:
    """Return the labels of the bins: ≤ 10, 11–20, > 20 for the edges (10, 20)."""
    check_edges(edges)
    middle = [span(low + 1, high) for low, high in pairwise(edges)]
    return [f"≤ {edges[0]}", *middle, f"> {edges[-1]}"]


def _check_lengths(source_lengths: Sequence[int], num_sentences: int) -> None:
    if len(source_lengths) != num_sentences:
        raise DataError(
            f"expected one source length for each translation, got {len(source_lengths)} lengths for "
            f"{num_sentences} translations; count the words of the same source file"
        )
