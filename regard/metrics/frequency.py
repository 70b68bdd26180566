"""How well words are translated that training saw often, seldom or never."""

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
    """The words that occur this often in the training text, and how many of them the translations have.

    `recall`: of `num_words` in the references, the share in the translation of the same sentence; `precision`: of
    `num_written` in the translations, the share in the reference. In percent, None where there is no such word.
    """

    label: str
    num_words: int
    num_written: int
    recall: float | None
    precision: float | None


def count_words(texts: Iterable[str], tokenise: str = "13a") -> Counter[str]:
    """How often each word occurs, in lower case and NFC, split as BLEU splits."""
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
    """Recall and precision of target words, by how often training saw them.

    A word is right as often as it stands in both the translation and the reference of a sentence, wherever. `counts`
    are those of `count_words`: case does not matter for how often a word was seen, but does for whether it is right,
    unless `lowercase`. `edges` are the highest counts of the bins; a bin without words is left out.
    Raises DataError for an empty corpus or one whose two sides differ in length, ConfigError for edges that do not
    rise. Source: Neubig et al. 2019 (compare-mt), word accuracy by frequency.
    """
    check_lines(hypotheses, references)
    check_edges(edges)
    split = word_splitter(tokenise, lowercase)
    totals = [Counter[str]() for _ in range(len(edges) + 1)]
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        written, wanted = Counter(split(hypothesis)), Counter(split(reference))
        for kind, words in (("written", written), ("wanted", wanted), ("right", written & wanted)):
            for word, times in words.items():
                totals[bisect_left(edges, counts.get(word.lower(), 0))][kind] += times
    labels = [span(low + 1, high) for low, high in zip((-1, *edges), edges, strict=False)]
    bins = zip([*labels, f"> {edges[-1]:,}"], totals, strict=True)
    return [_bin(label, total) for label, total in bins if total]


def _bin(label: str, total: Mapping[str, int]) -> FrequencyBin:
    wanted, written, right = (total.get(kind, 0) for kind in ("wanted", "written", "right"))
    return FrequencyBin(label, wanted, written, _percent(right, wanted), _percent(right, written))


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
