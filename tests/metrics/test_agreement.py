from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from regard.metrics import kendall_tau, same_top


def slow_tau(left: list[float], right: list[float]) -> float:
    """Pair by pair, as Kendall 1945 has it."""
    agreeing = ours = theirs = 0
    for i, j in combinations(range(len(left)), 2):
        a, b = np.sign(left[i] - left[j]), np.sign(right[i] - right[j])
        agreeing, ours, theirs = agreeing + a * b, ours + abs(a), theirs + abs(b)
    return agreeing / math.sqrt(ours * theirs) if ours and theirs else 0.0


def test_tau_worked_by_hand() -> None:
    rows = np.array([[1.0, 2, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4], [1, 1, 1, 1]])
    others = np.array([[1.0, 3, 2, 4], [0.1, 0.2, 0.4, 0.9], [9, 8, 7, 6], [1, 2, 3, 4]])
    # the first: 5 pairs agree, one is tied in the left
    assert kendall_tau(rows, others) == pytest.approx([5 / math.sqrt(5 * 6), 1, -1, 0])


def test_tau_is_that_of_all_pairs() -> None:
    random = np.random.default_rng(1)
    left, right = random.integers(0, 5, (2, 40, 9)).astype(float)
    slow = [slow_tau(*rows) for rows in zip(left.tolist(), right.tolist(), strict=True)]
    assert kendall_tau(left, right) == pytest.approx(slow)


def test_the_same_top() -> None:
    left = np.array([[0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2], [1, 1, 1]])
    right = np.array([[1.0, 5, 2], [5, 1, 2], [3, 3, 3], [0, 0, 1]])
    # of the ties: two of the three places are tied on the left, each meets the same of three with 1/3
    assert same_top(left, right) == pytest.approx([1, 0, 1 / 3, 1 / 3])
