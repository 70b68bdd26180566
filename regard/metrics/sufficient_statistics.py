"""What a corpus score is computed from: counts for every sentence, which add up over any set of sentences."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import DataError

SEED = 12345  # sacrebleu's default
Counts = NDArray[np.float64]
References = Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class MetricScore:
    """A score from 0 to 100, and its signature: everything one must know to compare it with another.

    An error rate can exceed 100. `margin` is half the width of the 95 % confidence interval, None if none was
    requested.
    """

    value: float
    signature: str
    margin: float | None = None

    def __str__(self) -> str:
        return f"{self.figure()} ({self.signature})"

    def figure(self) -> str:
        """Format the value: 35.21 ± 1.30, or 35.21 without an interval."""
        return f"{self.value:.2f}" + ("" if self.margin is None else f" ± {self.margin:.2f}")


class Metric(ABC):
    """A corpus score that can be computed from counts summed over sentences."""

    @abstractmethod
    def count(self, hypotheses: Sequence[str], references: References) -> Counts:
        """Return the counts of each sentence: (sentences, counts)."""

    @abstractmethod
    def value(self, counts: NDArray[np.float64]) -> float:
        """Return the score for counts summed over sentences: (counts,)."""

    @abstractmethod
    def signature(self, num_references: str, resampled: str) -> str:
        """Describe the computation in sacrebleu's form; `resampled` is "" or, say, "bs:1000|seed:12345"."""


@dataclass(frozen=True)
class Statistics:
    """A metric's `counts` for every sentence of a corpus: (sentences, counts)."""

    metric: Metric
    counts: Counts
    num_references: str

    @classmethod
    def compute(cls, metric: Metric, hypotheses: Sequence[str], references: References) -> Statistics:
        """Count with both sides in Unicode NFC.

        `references[r][i]` is reference r of sentence i, or None where it has fewer than others. Raises DataError for
        an empty corpus, or where the numbers of translations and references differ.
        """
        for stream in references:
            check_lines(hypotheses, stream)
        nums = {sum(one is not None for one in ones) for ones in zip(*references, strict=True)}
        num_references = str(nums.pop()) if len(nums) == 1 else "var"
        normalised = [to_nfc(text) for text in hypotheses]
        streams = [[None if one is None else to_nfc(one) for one in stream] for stream in references]
        return cls(metric, metric.count(normalised, streams), num_references)

    def value(self, sentences: Sequence[int] | slice = slice(None)) -> float:
        """Return the score of the whole corpus, or of these sentences."""
        return self.metric.value(self.counts[sentences].sum(axis=0))

    def sentence_values(self) -> list[float]:
        """Return the score of every sentence by itself."""
        return [self.metric.value(counts) for counts in self.counts]

    def score(self, bootstrap: int = 0) -> MetricScore:
        """Return the score with its signature, and a 95 % interval from `bootstrap` samples unless that is 0.

        Source: Koehn 2004; the samples are those of sacrebleu.
        """
        resampled = f"bs:{bootstrap}|seed:{SEED}" if bootstrap else ""
        return MetricScore(
            self.value(),
            self.metric.signature(self.num_references, resampled),
            self._margin(bootstrap) if bootstrap else None,
        )

    def _margin(self, samples: int) -> float:
        """Return half the distance between the 2.5th and the 97.5th percentile of bootstrap samples."""
        num_sentences, random = len(self.counts), np.random.default_rng(SEED)
        drawn = (random.choice(num_sentences, size=num_sentences) for _ in range(samples))
        values = sorted(self.metric.value(self.counts[sentences].sum(axis=0)) for sentences in drawn)
        cut = samples // 40
        return (values[samples - cut - 1] - values[cut]) / 2


def to_nfc(text: str) -> str:
    """Return the text in Unicode NFC, the form in which texts are compared."""
    return unicodedata.normalize("NFC", text)


def check_lines(hypotheses: Sequence[str], references: Sequence[str | None]) -> None:
    """Raise DataError unless there is a reference for every translation, and at least one of each."""
    if len(hypotheses) != len(references):
        raise DataError(
            f"expected one reference for each translation, got {len(hypotheses)} translations and "
            f"{len(references)} references; make both files line-parallel"
        )
    if not hypotheses:
        raise DataError("expected at least one translation with its reference, got none; check the files")
