"""What a figure is computed of: counts for every sentence, added up over any of them."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import DataError

SEED = 12345  # sacrebleu's own
Rows = NDArray[np.float64]
References = Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class Score:
    """A figure from 0 to 100, and its signature: what one must know to compare it with another.

    An error rate can exceed 100. `margin` is half the width of the 95 % interval around the figure, None where
    none was asked for.
    """

    value: float
    signature: str
    margin: float | None = None

    def __str__(self) -> str:
        return f"{self.figure()} ({self.signature})"

    def figure(self) -> str:
        """35.21 ± 1.30, or 35.21 without an interval."""
        return f"{self.value:.2f}" + ("" if self.margin is None else f" ± {self.margin:.2f}")


class Metric(ABC):
    """A figure over a corpus that can be computed of counts added over its sentences."""

    @abstractmethod
    def count(self, hypotheses: Sequence[str], references: References) -> Rows:
        """A row of counts for each sentence: (sentences, counts)."""

    @abstractmethod
    def value(self, counts: NDArray[np.float64]) -> float:
        """The figure, of counts added over sentences: (counts,)."""

    @abstractmethod
    def signature(self, num_references: str, resampled: str) -> str:
        """What was done, in sacrebleu's form; `resampled` is "", or "bs:1000|seed:12345" say."""


@dataclass(frozen=True)
class Tally:
    """A metric's counts for every sentence of a corpus: `rows` (sentences, counts)."""

    metric: Metric
    rows: Rows
    num_references: str

    @classmethod
    def of(cls, metric: Metric, hypotheses: Sequence[str], references: References) -> Tally:
        """Count, with both sides in Unicode NFC. `references[r][i]` is reference r of sentence i; None where it has
        fewer than others.

        Raises DataError for an empty corpus, or where the numbers of translations and references differ.
        """
        for each in references:
            check_lines(hypotheses, each)
        numbers = {sum(one is not None for one in ones) for ones in zip(*references, strict=True)}
        told = str(numbers.pop()) if len(numbers) == 1 else "var"
        written = [composed(text) for text in hypotheses]
        wanted = [[None if one is None else composed(one) for one in each] for each in references]
        return cls(metric, metric.count(written, wanted), told)

    def value(self, rows: Sequence[int] | slice = slice(None)) -> float:
        """The figure over the whole corpus, or over these sentences."""
        return self.metric.value(self.rows[rows].sum(axis=0))

    def sentence_values(self) -> list[float]:
        """The figure of every sentence alone."""
        return [self.metric.value(row) for row in self.rows]

    def score(self, bootstrap: int = 0) -> Score:
        """The figure with its signature, and a 95 % interval of so many bootstrap samples if any are asked for.

        Source: Koehn 2004; the samples are those of sacrebleu.
        """
        resampled = f"bs:{bootstrap}|seed:{SEED}" if bootstrap else ""
        return Score(
            self.value(),
            self.metric.signature(self.num_references, resampled),
            self._margin(bootstrap) if bootstrap else None,
        )

    def _margin(self, samples: int) -> float:
        """Half of what lies between the lowest and the highest value when 2.5 % are cut off at each end."""
        number, random = len(self.rows), np.random.default_rng(SEED)
        drawn = (random.choice(number, size=number) for _ in range(samples))
        values = sorted(self.metric.value(self.rows[rows].sum(axis=0)) for rows in drawn)
        cut = samples // 40
        return (values[samples - cut - 1] - values[cut]) / 2


def composed(text: str) -> str:
    """The text in Unicode NFC, the form in which texts are compared."""
    return unicodedata.normalize("NFC", text)


def check_lines(hypotheses: Sequence[str], references: Sequence[str | None]) -> None:
    """Make sure that there is a reference for every translation, and at least one of each.

    Raises DataError with both counts.
    """
    if len(hypotheses) != len(references):
        raise DataError(
            f"expected one reference for each translation, got {len(hypotheses)} translations and "
            f"{len(references)} references; make both files line-parallel"
        )
    if not hypotheses:
        raise DataError("expected at least one translation with its reference, got none; check the files")
