"""Numbers, vectors and sums as text, the way they are written on a blackboard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Vector = Sequence[float] | np.ndarray


def rounded(value: float, decimals: int) -> str:
    """Round to this number of decimals, without trailing zeros: 15, 0.6, 2.9438."""
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def exact(value: float) -> str:
    """Write a value with six digits, or with as many as show that it is not an integer.

    Tiny values are short, 2.86e-20; a value close to 1 is not written as 1 but as 0.99999999998611.
    """
    if abs(value) < 1e-4:
        return f"{value:.3g}"
    short = f"{value:.6g}"
    return f"{value:.14g}" if float(short).is_integer() else short


def vector_text(values: Vector, decimals: int = 4) -> str:
    """Write a vector with rounded components: [5, 0, 1]."""
    return "[" + ", ".join(rounded(value, decimals) for value in values) + "]"


def aligned_vector_text(values: Vector, decimals: int = 2) -> str:
    """Write all components with the same decimals, integers with none: [0.26, 0.28, 0.26, 0.20]; [15, 60, 15, 35]."""
    decimals = 0 if all(float(value).is_integer() for value in values) else decimals
    return "[" + ", ".join(f"{value:.{decimals}f}" for value in values) + "]"


def dot_product_text(left: Vector, right: Vector) -> str:
    """Write a dot product out: 10×0 + 5×1 + 10×1 = 15."""
    terms = [f"{rounded(a, 4)}×{rounded(b, 4)}" for a, b in zip(left, right, strict=True)]
    total = sum(a * b for a, b in zip(left, right, strict=True))
    return f"{' + '.join(terms)} = {rounded(total, 4)}"


def sum_text(terms: Vector, decimals: int) -> str:
    """Write a sum out: 0 + 5 + 0 + 0 = 5."""
    return f"{' + '.join(rounded(term, decimals) for term in terms)} = {rounded(sum(terms), decimals)}"
