from __future__ import annotations

import math

import numpy as np
import pytest

from regard.metrics import coverage_deviation


def test_each_word_once_is_no_deviation() -> None:
    assert coverage_deviation(np.ones(3)) == 0


def test_deviation_worked_by_hand() -> None:
    # one word drew 2 and one 0, each 1 away from 1; one drew 1.5
    expected = (2 * math.log(2) + math.log(1.25)) / 3
    assert coverage_deviation(np.array([2, 0, 1.5])) == pytest.approx(expected)


def test_without_words_there_is_nothing_to_pass_over() -> None:
    assert coverage_deviation(np.zeros(0)) == 0
