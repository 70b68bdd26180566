from __future__ import annotations

import math

import numpy as np
import pytest

from regard.metrics import coverage, coverage_deviation

STRAIGHT = np.eye(3, dtype=np.float32)
TWICE = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)  # a word passed over, a word seen twice
WORDS = (0, 1, -1)


def test_each_word_once_is_no_deviation() -> None:
    assert coverage_deviation(STRAIGHT, WORDS, WORDS) == 0
    assert coverage(STRAIGHT, WORDS, WORDS).tolist() == [1, 1]


def test_deviation_worked_by_hand() -> None:
    # of two pieces one drew 2 and one 0: each is 1 away from 1
    assert coverage_deviation(TWICE, WORDS, WORDS) == pytest.approx(math.log(2))
    assert coverage(TWICE, WORDS, WORDS).tolist() == [2, 0]


def test_a_words_pieces_are_averaged() -> None:
    weights = np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]], dtype=np.float32)
    assert coverage(weights, (0, 0, 1), (0, 0)).tolist() == pytest.approx([(0.5 + 0.75) / 2, 0.75])


def test_what_is_no_word_does_not_count() -> None:
    weights = np.array([[1, 0], [1, 0]], dtype=np.float32)
    assert coverage(weights, (0, -1), (0, -1)).tolist() == [1]
    assert coverage_deviation(weights, (-1, -1), (0, -1)) == 0


def test_nothing_written_passes_over_every_word() -> None:
    assert coverage_deviation(TWICE[:1], WORDS, (-1,)) == pytest.approx(math.log(2))
