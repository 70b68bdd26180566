"""A mean over a corpus, and how far it could be off because the corpus is only a sample of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.metrics.sufficient_statistics import SEED


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval from `low` to `high`, which are None where none was asked for."""

    value: float
    low: float | None = None
    high: float | None = None


def mean_over(rows: Sequence[tuple[float, float]] | NDArray[np.float64], samples: int = 0) -> Mean | None:
    """Σ sum / Σ count over sentences, each row (sum, count) being those of one; None where nothing was counted.

    The interval holds the middle 95 % of the means of so many bootstrap samples of sentences (Koehn 2004): words of
    one sentence are not drawn apart, since they depend on each other.
    """
    table = np.asarray(rows, np.float64).reshape(-1, 2)
    total, number = table.sum(axis=0)
    if not number:
        return None
    if not samples:
        return Mean(float(total / number))
    size = len(table)
    drawn = np.random.default_rng(SEED).multinomial(size, np.full(size, 1 / size), size=samples)
    sums = drawn @ table  # (samples, 2)
    means = sums[sums[:, 1] > 0]
    low, high = np.quantile(means[:, 0] / means[:, 1], (0.025, 0.975))
    return Mean(float(total / number), float(low), float(high))
