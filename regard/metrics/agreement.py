"""How far two rankings of the same items agree, row by row; neither needs to be a probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def kendall_tau(left: Matrix, right: Matrix) -> Matrix:
    """Return Kendall's τ-b of each row of two matrices (T, S): 1 for the same order, −1 for the reverse, (T,).

    τ-b is the number of column pairs in the same order minus those in opposite orders, divided by √(pairs untied in
    the left × pairs untied in the right). It is 0 for a row whose values are all tied.
    Source: Kendall 1945; used on attention by Jain & Wallace 2019, section 4.1.
    """
    ours, theirs = _orders(left), _orders(right)  # (T, S, S)
    untied = np.abs(ours).sum(axis=(1, 2)) * np.abs(theirs).sum(axis=(1, 2))
    agreeing: Matrix = (ours * theirs).sum(axis=(1, 2))
    tau: Matrix = agreeing / np.sqrt(np.maximum(untied, 1))
    return tau


def same_top(left: Matrix, right: Matrix) -> Matrix:
    """Return the probability that each row of two matrices (T, S) has its maximum in the same column, (T,).

    It is 1 or 0 unless there are ties, which are broken at random.
    """
    ours, theirs = (each == each.max(axis=1, keepdims=True) for each in (left, right))
    common: Matrix = (ours & theirs).sum(axis=1)
    probability: Matrix = common / (ours.sum(axis=1) * theirs.sum(axis=1))
    return probability


def _orders(rows: Matrix) -> Matrix:
    """Return the order of every two columns of each row as 1, 0 or −1: (T, S, S)."""
    signs: Matrix = np.sign(rows[:, :, None] - rows[:, None, :])
    return signs
