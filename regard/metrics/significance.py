"""Whether two systems truly differ on a test set, or just happened to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import DataError
from regard.metrics.sufficient_statistics import SEED, Tally

TRIALS = 10_000  # as sacrebleu
_CHUNK = (
    32  # trials at a time, for memory; numpy draws tosses by 32, so that these are the same as all at once
)
_ROUNDING = 1e-9  # differences closer than this are equal


@dataclass(frozen=True)
class Difference:
    """How much higher a figure is than the baseline's, and how often chance alone makes as large a difference.

    `p_value` is two-sided: below 0.05 is usually called significant.
    """

    value: float
    p_value: float
    signature: str


def difference(baseline: Tally, other: Tally, trials: int = TRIALS) -> Difference:
    """Test two systems' outputs for the same sentences by paired approximate randomisation.

    In each trial every sentence's two outputs change places or not, by the toss of a coin; the p-value is the share
    of trials whose difference is at least the one observed. Source: Riezler & Maxwell 2005; tosses and
    formula are sacrebleu's, but that a trial just as large counts too: so equal outputs have p = 1.
    Raises DataError for tallies of different corpora.
    """
    if baseline.rows.shape != other.rows.shape:
        raise DataError(
            f"expected two systems on the same sentences, got {len(baseline.rows)} and {len(other.rows)}; "
            "evaluate both on the same test set"
        )
    observed = other.value() - baseline.value()
    as_large = sum(
        int((np.abs(_trial_differences(stay, baseline, other)) >= abs(observed) - _ROUNDING).sum())
        for stay in _tosses(trials, len(baseline.rows))
    )
    signature = baseline.metric.signature(baseline.num_references, f"ar:{trials}|seed:{SEED}")
    return Difference(observed, (as_large + 1) / (trials + 1), signature)


def _tosses(trials: int, sentences: int) -> Iterator[NDArray[np.bool_]]:
    """A coin for each sentence in each trial, some trials at a time: (trials, sentences)."""
    random = np.random.default_rng(SEED)
    for done in range(0, trials, _CHUNK):
        yield random.integers(2, size=(min(_CHUNK, trials - done), sentences), dtype=bool)


def _trial_differences(stay: NDArray[np.bool_], baseline: Tally, other: Tally) -> NDArray[np.float64]:
    """The difference of each trial; where `stay` (trials, sentences) is False the outputs change places."""
    kept, swapped = stay.astype(np.float64), (~stay).astype(np.float64)
    ours = kept @ baseline.rows + swapped @ other.rows  # (trials, counts)
    theirs = swapped @ baseline.rows + kept @ other.rows
    value = baseline.metric.value
    return np.array([value(b) - value(a) for a, b in zip(ours, theirs, strict=True)])
