"""How well words are translated that were frequent, rare or absent in training."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from regard.metrics.bins import check_edges, span
from regard.metrics.sufficient_statistics import check_lines
from regard.metrics.translation import word_splitter

FREQUENCY_EDGES = (0, 1, 4, 9, 99, 999)


@dataclass(frozen=True)
class FrequencyBin:
    """The words that occur this often in the training text, and how many of them the translations get right.

    `recall` is the share of the `num_words` in the references that are in the translation of the same sentence,
    `precision` the share of the `num_written` in the translations that are in the reference. Both are in percent, and
    None where there is no such word.
    """

    label: str
    num_words: int
    num_written: int
    recall: float | None
    precision: float | None


def count_words(texts: Iterable[str], tokenise: str = "13a") -> Counter[str]:
    """Count each word in lower case and NFC, split as BLEU splits."""
    split = word_splitter(tokenise, lowercase=True)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split(text))
    return counts


def by_frequency(
    hypotheses: Sequence[str],
    references: Sequence[str],
    counts: Mapping[str, int],
    edges: Sequence[int] = FREQUENCY_EDGES,
    *,
    lowercase: bool = False,
    tokenise: str = "13a",
) -> list[FrequencyBin]:
    """Return recall and precision of target words by their frequency in training.

    A word is right as many times as both the translation and the reference of a sentence have it, at any position.
    `counts` come from `count_words`: case does not matter for the frequency of a word, but does for whether it is
    right, unless `lowercase`. `edges` are the highest counts of the bins; a bin without words is left out.
    Raises DataError for an empty corpus or one whose two sides differ in length, ConfigError for edges that do not
    increase. Source: Neubig et al. 2019 (compare-mt), word accuracy by frequency.
    """
    check_lines(hypotheses, references)
    check_edges(edges)
    split = word_splitter(tokenise, lowercase)
    totals = [Counter[str]() for _ in range(len(edges) + 1)]
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        output, expected = Counter(split(hypothesis)), Counter(split(reference))
        for kind, words in (("output", output), ("expected", expected), ("right", output & expected)):
            for word, count in words.items():
                totals[bisect_left(edges, counts.get(word.lower(), 0))][kind] += count
    labels = [span(low + 1, high) for low, high in zip((-1, *edges), edges, strict=False)]
    bins = zip([*labels, f"> {edges[-1]:,}"], totals, strict=True)
    return [_bin(label, total) for label, total in bins if total]


def _bin(label: str, total: Mapping[str, int]) -> FrequencyBin:
    expected, output, right = (total.get(kind, 0) for kind in ("expected", "output", "right"))
    return FrequencyBin(label, expected, output, _percent(right, expected), _percent(right, output))


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
