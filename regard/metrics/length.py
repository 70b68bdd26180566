"""Quality by the length of the source sentence: where a fixed sentence vector runs out of room."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from regard.errors import ConfigError, DataError
from regard.metrics.tally import check_lines
from regard.metrics.translation import bleu, chrf

EDGES = (10, 20, 30, 40, 50)


@dataclass(frozen=True)
class LengthBin:
    """The sentences whose source has this many words, with the BLEU and chrF of their translations."""

    label: str
    num_sentences: int
    bleu: float
    chrf: float


def by_length(
    hypotheses: Sequence[str],
    references: Sequence[str],
    source_lengths: Sequence[int],
    edges: Sequence[int] = EDGES,
    *,
    lowercase: bool = False,
    tokenise: str = "13a",
) -> list[LengthBin]:
    """Corpus BLEU and chrF of short, longer and long sentences apart.

    `edges` are the longest lengths of the bins, in the unit of `source_lengths`: (10, 20) makes the bins ≤ 10,
    11–20 and > 20. A bin without sentences is left out. Raises DataError for an empty corpus or counts
    that differ, ConfigError for edges that do not rise.
    """
    check_lines(hypotheses, references)
    _check_lengths(source_lengths, len(hypotheses))
    labels = _labels(edges)
    rows: list[list[int]] = [[] for _ in labels]
    for row, length in enumerate(source_lengths):
        rows[bisect_left(edges, length)].append(row)
    bins = []
    for label, members in zip(labels, rows, strict=True):
        if members:
            ours = [hypotheses[row] for row in members]
            theirs = [references[row] for row in members]
            words = bleu(ours, theirs, lowercase=lowercase, tokenise=tokenise).value
            characters = chrf(ours, theirs, lowercase=lowercase).value
            bins.append(LengthBin(label, len(members), words, characters))
    return bins


def _labels(edges: Sequence[int]) -> list[str]:
    """≤ 10, 11–20, > 20 for the edges (10, 20)."""
    if not edges or any(low >= high for low, high in pairwise(edges)):
        raise ConfigError(f"edges: expected lengths that rise, such as 10, 20, 30, got {list(edges)}")
    middle = [_span(low + 1, high) for low, high in pairwise(edges)]
    return [f"≤ {edges[0]}", *middle, f"> {edges[-1]}"]


def _span(shortest: int, longest: int) -> str:
    return str(longest) if shortest == longest else f"{shortest}–{longest}"


def _check_lengths(source_lengths: Sequence[int], num_sentences: int) -> None:
    if len(source_lengths) != num_sentences:
        raise DataError(
            f"expected one source length for each translation, got {len(source_lengths)} lengths for "
            f"{num_sentences} translations; count the words of the same source file"
        )
