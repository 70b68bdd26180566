from __future__ import annotations

import numpy as np
import pytest

from regard.metrics import Mean, mean_over


def test_sentences_count_by_their_length() -> None:
    assert mean_over([(1, 1), (0, 3)]) == Mean(0.25)


def test_where_nothing_was_counted_there_is_no_mean() -> None:
    assert mean_over([(0, 0), (0, 0)], 10) is None
    assert mean_over([]) is None


def test_what_is_the_same_in_every_sentence_is_sure() -> None:
    found = mean_over([(1, 2), (2, 4), (3, 6)], 50)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_is_that_of_a_mean() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    found = mean_over([(value, 1) for value in values], 4000)
    half = 1.96 * values.std() / 20  # the normal approximation
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.03)
