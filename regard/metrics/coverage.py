"""How far attention is from covering every source word once; no reference is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def coverage_deviation(coverage: NDArray[np.float64]) -> float:
    """Return the mean of log(1 + (1 − c)²) over source words, c being the total weight of each; 0 if every c is 1.

    It grows with words that got too little attention and with words that got too much. It is 0 without words.
    Source: Rikters & Fishel 2017, where its negative is the coverage deviation penalty.
    """
    return float(np.log1p((1 - coverage) ** 2).mean()) if coverage.size else 0.0
