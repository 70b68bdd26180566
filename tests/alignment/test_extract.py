from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regard.alignment import diagonal, links_from_attention, word_attention
from regard.errors import ShapeError


def test_each_target_word_is_linked_to_its_largest_weight() -> None:
    attention = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    links = links_from_attention(attention, [0, 1, 2], [0, 1])
    assert links.sure == {(0, 0), (2, 1)}
    assert links.possible == links.sure


def test_source_tokens_add_and_target_tokens_average() -> None:
    # words: source [a b] c, target [x y] z
    attention = np.array([[0.3, 0.3, 0.4], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    folded = word_attention(attention, [0, 0, 1], [0, 0, 1])
    np.testing.assert_allclose(folded, [[0.4, 0.6], [0.6, 0.4]])
    assert links_from_attention(attention, [0, 0, 1], [0, 0, 1]).sure == {(1, 0), (0, 1)}


def test_tokens_that_are_no_word_are_dropped() -> None:
    attention = np.array([[0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_allclose(word_attention(attention, [0, -1], [0, -1]), [[0.9]])


def test_a_word_that_attended_to_the_end_is_left_unlinked() -> None:
    attention = np.array([[0.4, 0.0, 0.6], [0.0, 0.9, 0.1]])
    assert links_from_attention(attention, [0, 1, -1], [0, 1]).sure == {(1, 1)}
    anyway = links_from_attention(attention, [0, 1, -1], [0, 1], leave_unlinked=False)
    assert anyway.sure == {(0, 0), (1, 1)}


def test_on_a_tie_with_the_end_the_word_is_linked() -> None:
    # 0.5 for the word and 0.5 for the end; in the second row 0.25 + 0.25 for the word and 0.25 + 0.25 for two ends
    assert links_from_attention(np.array([[0.5, 0.5]]), [0, -1], [0]).sure == {(0, 0)}
    assert links_from_attention(np.full((1, 4), 0.25), [0, 0, -1, -1], [0]).sure == {(0, 0)}
    # of two target tokens one attends to the word alone and one to the end alone: on average a tie as well
    assert links_from_attention(np.eye(2), [0, -1], [0, 0]).sure == {(0, 0)}


def test_the_weights_of_all_ends_together_outweigh_a_word() -> None:
    # 0.4 is the largest single weight, but 0.3 + 0.3 is no word; with one such token less the word wins
    assert links_from_attention(np.array([[0.4, 0.3, 0.3]]), [0, -1, -1], [0]).sure == frozenset()
    assert links_from_attention(np.array([[0.4, 0.3, 0.3]]), [0, 1, -1], [0]).sure == {(0, 0)}


def test_of_two_equal_source_words_the_first_is_linked() -> None:
    assert links_from_attention(np.array([[0.2, 0.4, 0.4]]), [0, 1, 2], [0]).sure == {(1, 0)}


def test_a_row_of_zeros_gives_no_link() -> None:
    assert links_from_attention(np.zeros((1, 2)), [0, 1], [0]).sure == frozenset()
    assert links_from_attention(np.zeros((1, 2)), [0, 1], [0], leave_unlinked=False).sure == frozenset()


def test_sentences_without_words() -> None:
    assert links_from_attention(np.ones((1, 1)), [-1], [-1]).sure == frozenset()
    assert links_from_attention(np.ones((1, 1)), [-1], [0]).sure == frozenset()
    assert links_from_attention(np.ones((0, 0)), [], []).sure == frozenset()


@given(arrays(float, (5, 6), elements=st.floats(0, 1)))
def test_merging_agrees_with_loops(attention: np.ndarray) -> None:
    source_words, target_words = [0, 1, 1, 2, 2, -1], [0, 0, 1, 2, -1]
    expected = np.zeros((3, 3))
    for target in range(3):
        rows = [row for row, word in enumerate(target_words) if word == target]
        for source in range(3):
            columns = [column for column, word in enumerate(source_words) if word == source]
            expected[target, source] = np.mean([sum(attention[row, c] for c in columns) for row in rows])
    np.testing.assert_allclose(word_attention(attention, source_words, target_words), expected, atol=1e-12)


def test_words_and_matrix_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"= \(1, 2\), got \(2, 2\)"):
        links_from_attention(np.ones((2, 2)), [0, 1], [0])
    with pytest.raises(ShapeError, match=r"= \(2, 1\), got \(2, 2\)"):
        word_attention(np.ones((2, 2)), [0], [0, 1])


def test_diagonal_worked_by_hand() -> None:
    assert diagonal(3, 3).sure == {(0, 0), (1, 1), (2, 2)}
    assert diagonal(2, 4).sure == {(0, 0), (0, 1), (1, 2), (1, 3)}
    assert diagonal(4, 2).sure == {(1, 0), (3, 1)}
    assert diagonal(0, 3).sure == diagonal(3, 0).sure == frozenset()


@given(st.integers(1, 60), st.integers(1, 60))
def test_diagonal_links_every_target_word_once_and_rises(source_length: int, target_length: int) -> None:
    by_target = sorted((target, source) for source, target in diagonal(source_length, target_length).sure)
    sources = [source for _, source in by_target]
    assert [target for target, _ in by_target] == list(range(target_length))
    assert sources == sorted(sources)
    assert all(
        abs((source + 0.5) / source_length - (target + 0.5) / target_length) <= 0.5 / source_length + 1e-9
        for target, source in by_target
    )
