"""Whether two systems differ significantly on a test set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import DataError
from regard.metrics.sufficient_statistics import SEED, Statistics

TRIALS = 10_000  # as sacrebleu
_CHUNK = 32  # trials at a time, to save memory; numpy draws coins by 32, so these are the same as all at once
_ROUNDING = 1e-9  # differences closer than this are equal


@dataclass(frozen=True)
class Difference:
    """How much higher a score is than the baseline's, and how often chance alone gives as large a difference.

    `p_value` is two-sided: below 0.05 is usually called significant.
    """

    value: float
    p_value: float
    signature: str


def difference(baseline: Statistics, other: Statistics, trials: int = TRIALS) -> Difference:
    """Test two systems' outputs for the same sentences by paired approximate randomisation.

    In each trial the two outputs of every sentence are swapped or not, by the toss of a coin; the p-value is the
    share of trials whose difference is at least the one observed. Source: Riezler & Maxwell 2005. Coins and formula
    are sacrebleu's, except that a trial with an equal difference counts too, so that equal outputs have p = 1.
    Raises DataError for statistics of different corpora.
    """
    if baseline.counts.shape != other.counts.shape:
        raise DataError(
            f"expected two systems on the same sentences, got {len(baseline.counts)} and {len(other.counts)}; "
            "evaluate both on the same test set"
        )
    observed = other.value() - baseline.value()
    as_large = sum(
        int((np.abs(_trial_differences(kept, baseline, other)) >= abs(observed) - _ROUNDING).sum())
        for kept in _toss_coins(trials, len(baseline.counts))
    )
    signature = baseline.metric.signature(baseline.num_references, f"ar:{trials}|seed:{SEED}")
    return Difference(observed, (as_large + 1) / (trials + 1), signature)


def _toss_coins(trials: int, num_sentences: int) -> Iterator[NDArray[np.bool_]]:
    """Toss a coin for each sentence in each trial, some trials at a time: (trials, sentences)."""
    random = np.random.default_rng(SEED)
    for start in range(0, trials, _CHUNK):
        yield random.integers(2, size=(min(_CHUNK, trials - start), num_sentences), dtype=bool)


def _trial_differences(
    kept: NDArray[np.bool_], baseline: Statistics, other: Statistics
) -> NDArray[np.float64]:
    """Return the difference of each trial; where `kept` (trials, sentences) is False the two outputs are swapped."""
    keep, swap = kept.astype(np.float64), (~kept).astype(np.float64)
    ours = keep @ baseline.counts + swap @ other.counts  # (trials, counts)
    theirs = swap @ baseline.counts + keep @ other.counts
    value = baseline.metric.value
    return np.array([value(b) - value(a) for a, b in zip(ours, theirs, strict=True)])
