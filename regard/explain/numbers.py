"""Numbers and sums as one writes them on a blackboard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Numbers = Sequence[float] | np.ndarray


def rounded(value: float, decimals: int) -> str:
    """The value to so many decimals, without needless zeros: 15, 0.6, 2.9438."""
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def exact(value: float) -> str:
    """The value to six digits, or to as many as show that it is not quite a whole number.

    A tiny one is short, 2.86e-20; one that is nearly 1 is not written as 1 but as 0.99999999998611.
    """
    if abs(value) < 1e-4:
        return f"{value:.3g}"
    short = f"{value:.6g}"
    return f"{value:.14g}" if float(short).is_integer() else short


def vector(values: Numbers, decimals: int = 4) -> str:
    """[5, 0, 1]."""
    return "[" + ", ".join(rounded(value, decimals) for value in values) + "]"


def even_vector(values: Numbers, decimals: int = 2) -> str:
    """[15, 60, 15, 35] when all are whole numbers, else all to the same decimals: [0.26, 0.28, 0.26, 0.20]."""
    decimals = 0 if all(float(value).is_integer() for value in values) else decimals
    return "[" + ", ".join(f"{value:.{decimals}f}" for value in values) + "]"


def product_sum(left: Numbers, right: Numbers) -> str:
    """The dot product written out: 10×0 + 5×1 + 10×1 = 15."""
    terms = [f"{rounded(a, 4)}×{rounded(b, 4)}" for a, b in zip(left, right, strict=True)]
    total = sum(a * b for a, b in zip(left, right, strict=True))
    return f"{' + '.join(terms)} = {rounded(total, 4)}"


def plain_sum(terms: Numbers, decimals: int) -> str:
    """The sum written out: 0 + 5 + 0 + 0 = 5."""
    return f"{' + '.join(rounded(t, decimals) for t in terms)} = {rounded(sum(terms), decimals)}"
