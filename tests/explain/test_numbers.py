from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.explain import softer_example
from regard.explain.numbers import (
    aligned_vector_text,
    dot_product_text,
    exact,
    rounded,
    sum_text,
    vector_text,
)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(15.0, 0, "15"), (100.0, 2, "100"), (0.6, 4, "0.6"), (-0.001, 2, "0"), (2.94381, 4, "2.9438")],
)
def test_rounded(value: float, decimals: int, text: str) -> None:
    assert rounded(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.0, "0"), (2.8625e-20, "2.86e-20"), (1 - 1.5e-11, "0.999999999985"), (0.25, "0.25")],
)
def test_exact_never_hides_that_a_number_is_not_whole(value: float, text: str) -> None:
    assert exact(value) == text


def test_sums_are_written_out() -> None:
    assert dot_product_text([10, 5, 10], [0, 1, 1]) == "10×0 + 5×1 + 10×1 = 15"
    assert sum_text([1e-20, 4.99999999, 1e-20, 0], 0) == "0 + 5 + 0 + 0 = 5"


def test_vectors() -> None:
    assert vector_text(np.array([5, 1e-11, 1]), 0) == "[5, 0, 1]"
    assert aligned_vector_text([15, 60]) == "[15, 60]"
    assert aligned_vector_text([0.2, 0.263]) == "[0.20, 0.26]"


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6))
def test_a_written_sum_adds_up(terms: list[int]) -> None:
    left, right = sum_text(terms, 2).split(" = ")
    assert sum(Decimal(term) for term in left.split(" + ")) == Decimal(right)


def test_the_softer_sums_add_up_although_rounded() -> None:
    example = softer_example()
    for terms in example.alignment.T:
        left, right = sum_text(terms, example.decimals).split(" = ")
        assert sum(Decimal(term) for term in left.split(" + ")) == Decimal(right)
