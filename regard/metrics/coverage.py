"""How far attention is from looking at every source word once: no reference is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def coverage_deviation(coverage: NDArray[np.float64]) -> float:
    """Mean of log(1 + (1 − c)²) over the source words, c the weight that each drew in all: 0 where each drew just 1.

    It grows with words that were passed over and with words that were looked at again and again; 0 without a word.
    Source: Rikters & Fishel 2017, where its negative is the coverage deviation penalty.
    """
    return float(np.log1p((1 - coverage) ** 2).mean()) if coverage.size else 0.0
