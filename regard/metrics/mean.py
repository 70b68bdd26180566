"""A mean over a corpus, with its uncertainty: the corpus is only a sample of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.metrics.sufficient_statistics import SEED


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % confidence interval from `low` to `high`, which are None if none was requested."""

    value: float
    low: float | None = None
    high: float | None = None


def mean_over(rows: Sequence[tuple[float, float]] | NDArray[np.float64], samples: int = 0) -> Mean | None:
    """Return Σ sum / Σ count over sentences from a row (sum, count) for each; None if all counts are 0.

    The interval holds the middle 95 % of the means of this many bootstrap samples of sentences (Koehn 2004). Whole
    sentences are sampled because the words of one depend on each other.
    """
    table = np.asarray(rows, np.float64).reshape(-1, 2)
    total, count = table.sum(axis=0)
    if not count:
        return None
    if not samples:
        return Mean(float(total / count))
    size = len(table)
    multiplicities = np.random.default_rng(SEED).multinomial(size, np.full(size, 1 / size), size=samples)
    sums = multiplicities @ table  # (samples, 2)
    means = sums[sums[:, 1] > 0]
    low, high = np.quantile(means[:, 0] / means[:, 1], (0.025, 0.975))
    return Mean(float(total / count), float(low), float(high))
