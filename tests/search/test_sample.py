"""Sampling: which tokens are drawn, how often, and that draws do not depend on the batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import SearchError
from regard.records.text import END, START, Hypothesis
from regard.search import Sampling, greedy_search, sample, uniform_draws
from tests.search.tables import Table, random_table, total_of

A, B, C = 4, 5, 6
MANY = 3000


def first_token_table(probabilities: dict[int, float]) -> Table:
    """These tokens at first, END after each."""
    table = torch.zeros(7, 7)
    for token, probability in probabilities.items():
        table[START, token] = probability
    table[4:, END] = 1.0
    return Table(table.log().expand(1, 3, 7, 7), 1)


def drawn(table: Table, sampling: Sampling, number: int = MANY) -> dict[int, float]:
    """How often each first token is drawn, as a share."""
    (found,) = sample(table, [2], [uniform_draws(7, [1], 2, number)], sampling)
    tokens, counts = np.unique([one.ids[0] for one in found], return_counts=True)
    return dict(zip(tokens.tolist(), (counts / number).tolist(), strict=True))


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), {A: 0.5, B: 0.3, C: 0.2}),
        (Sampling(temperature=0.5), {A: 0.25 / 0.38, B: 0.09 / 0.38, C: 0.04 / 0.38}),  # squares
        (Sampling(top_k=2), {A: 0.5 / 0.8, B: 0.3 / 0.8}),
        (Sampling(top_k=1), {A: 1.0}),
        (Sampling(top_k=99), {A: 0.5, B: 0.3, C: 0.2}),
        (Sampling(top_p=0.5), {A: 1.0}),  # A alone has it
        (Sampling(top_p=0.51), {A: 0.5 / 0.8, B: 0.3 / 0.8}),
        (Sampling(top_p=0.81), {A: 0.5, B: 0.3, C: 0.2}),
        (Sampling(top_p=1e-9), {A: 1.0}),
        (Sampling(top_k=2, top_p=0.62), {A: 1.0}),  # of the two kept, A has 0.625
    ],
    ids=str,
)
def test_shares_by_hand(sampling: Sampling, expected: dict[int, float]) -> None:
    found = drawn(first_token_table({A: 0.5, B: 0.3, C: 0.2}), sampling)
    assert found.keys() == expected.keys()
    for token, share in expected.items():  # five standard deviations of a share of MANY draws
        assert found[token] == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / MANY) + 1e-12)


def test_the_nucleus_ends_with_the_token_that_reaches_top_p_exactly() -> None:
    """Powers of two, so that nothing is rounded."""
    halves, quarters = torch.zeros(1, 2), torch.zeros(1, 4)
    assert Sampling(top_p=0.5).distribution(halves).tolist() == [[1.0, 0.0]]
    assert Sampling(top_p=0.75).distribution(quarters).tolist() == [[1 / 3, 1 / 3, 1 / 3, 0.0]]
    assert Sampling(top_p=0.5 + 1e-9).distribution(halves).tolist() == [[0.5, 0.5]]
    assert (Sampling(top_p=15 / 16).distribution(torch.zeros(1, 16)) > 0).sum() == 15


def test_draws_by_hand() -> None:
    table = first_token_table({A: 0.5, B: 0.3, C: 0.2})
    points = np.array([[0.0, 0.5], [0.49, 0.0], [0.51, 0.0], [0.79, 0.0], [0.81, 0.0], [0.999, 0.999]])
    (found,) = sample(table, [2], [points], Sampling())
    assert [one.ids for one in found] == [(A, END), (A, END), (B, END), (B, END), (C, END), (C, END)]
    assert [one.log_probability for one in found[:1]] == [pytest.approx(math.log(0.5))]


def test_log_probabilities_are_the_models_whatever_the_temperature() -> None:
    table = random_table(5, sentences=2)
    draws = [uniform_draws(1, [row], 6, 4) for row in range(2)]
    for sentence, found in enumerate(sample(table, [6, 6], draws, Sampling(temperature=3.0))):
        for one in found:
            assert one.log_probability == pytest.approx(total_of(table, sentence, one.ids), abs=1e-5)


@given(seed=st.integers(0, 10_000), limit=st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_the_most_probable_of_one_is_greedy(seed: int, limit: int) -> None:
    table = random_table(seed, sentences=3)
    draws = [uniform_draws(seed, [row], limit, 2) for row in range(3)]
    for greedy, found in zip(
        greedy_search(table, [limit] * 3),
        sample(table, [limit] * 3, draws, Sampling(top_k=1)),
        strict=True,
    ):
        assert [one.ids for one in found] == [greedy.ids] * 2


def _ids_and_scores(found: list[Hypothesis]) -> list[tuple[tuple[int, ...], float]]:
    return [(one.ids, one.score) for one in found]


@given(seed=st.integers(0, 10_000), limits=st.lists(st.integers(1, 6), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_sentence_alone_is_a_sentence_in_the_batch(seed: int, limits: list[int]) -> None:
    table = random_table(seed, sentences=len(limits))
    draws = [uniform_draws(seed, [row], limit, 3) for row, limit in enumerate(limits)]
    together = sample(table, limits, draws, Sampling(0.9, 4, 0.95))
    for row, limit in enumerate(limits):
        (alone,) = sample(table.alone(row), [limit], draws[row : row + 1], Sampling(0.9, 4, 0.95))
        assert _ids_and_scores(alone) == _ids_and_scores(together[row])
        assert all(one.ids[-1] == END or len(one.ids) == limit for one in alone)


def test_asking_for_more_keeps_the_first() -> None:
    assert (uniform_draws(3, [5, 6], 4, 9)[:2] == uniform_draws(3, [5, 6], 4, 2)).all()
    assert (uniform_draws(3, [5, 6], 4, 2) != uniform_draws(4, [5, 6], 4, 2)).any()
    assert (uniform_draws(3, [5, 6], 4, 2) != uniform_draws(3, [5, 7], 4, 2)).any()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"temperature": 0.0}, "temperature 0.0: expected a number above 0"),
        ({"top_k": -1}, "top_k -1: expected 1 or more, or 0 for all"),
        ({"top_p": 0.0}, "top_p 0.0: expected above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p 1.5"),
        ({"temperature": math.nan}, "temperature nan"),
    ],
)
def test_values_out_of_range_are_refused(how: dict, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        Sampling(**how)


def test_no_sentence_gives_no_sample() -> None:
    assert sample(Table(torch.zeros(0, 3, 6, 6), 0), [], [], Sampling()) == []
