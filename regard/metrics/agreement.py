"""How far two rankings of the same things agree, row by row: neither needs to be a probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def kendall_tau(left: Matrix, right: Matrix) -> Matrix:
    """Kendall's τ-b of each row of two matrices (T, S): 1 for the same order, −1 for the reverse, (T,).

    Of all pairs of columns, those in the same order less those in opposite orders, over √(pairs untied in the
    left × pairs untied in the right). A row that puts nothing in order, all of it tied, agrees with nothing: 0.
    Source: Kendall 1945; used on attention by Jain & Wallace 2019, section 4.1.
    """
    ours, theirs = _orders(left), _orders(right)  # (T, S, S)
    untied = np.abs(ours).sum(axis=(1, 2)) * np.abs(theirs).sum(axis=(1, 2))
    agreeing: Matrix = (ours * theirs).sum(axis=(1, 2))
    found: Matrix = agreeing / np.sqrt(np.maximum(untied, 1))
    return found


def same_top(left: Matrix, right: Matrix) -> Matrix:
    """How likely each row of two matrices (T, S) has its largest number in the same column, (T,).

    It is 1 or 0 but for ties: of several largest each is as likely to be taken.
    """
    ours, theirs = (each == each.max(axis=1, keepdims=True) for each in (left, right))
    common: Matrix = (ours & theirs).sum(axis=1)
    found: Matrix = common / (ours.sum(axis=1) * theirs.sum(axis=1))
    return found


def _orders(rows: Matrix) -> Matrix:
    """1, 0 or −1 for each two columns of each row: (T, S, S)."""
    signs: Matrix = np.sign(rows[:, :, None] - rows[:, None, :])
    return signs
