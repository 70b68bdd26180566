"""Streaming: reported tokens are those of the result, reported as soon as they are certain."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.records.text import END, START
from regard.search import beam_search, greedy_search, stream_search
from tests.search.tables import Table, random_table, with_weights

A, B = 4, 5
seeds = st.integers(0, 10_000)


class Steps:
    """A table that counts its steps."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.number = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.table, name)

    def step(self, *given: object) -> object:
        self.number += 1
        return self.table.step(*given)


@settings(deadline=None)
@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_reported_tokens_are_those_of_the_result(seed: int, beam: int, limit: int) -> None:
    table = with_weights(random_table(seed), seed, [3])
    reported = []
    search = partial(beam_search, max_lengths=[limit], beam_size=beam)
    (found,) = stream_search(search, table, lambda *token: reported.append(token))
    assert [one.ids for one in found] == [one.ids for one in search(table)[0]]
    assert tuple(token for token, _, _ in reported) == found[0].ids
    assert [gain for _, gain, _ in reported] == pytest.approx(found[0].log_probabilities, abs=1e-5)
    np.testing.assert_allclose(
        np.stack([weights for _, _, weights in reported]), found[0].attention, atol=1e-6
    )


def test_greedy_reports_each_token_before_the_next_is_decoded() -> None:
    probabilities = torch.zeros(6, 6)
    probabilities[START, A] = probabilities[A, B] = probabilities[B, END] = 1.0
    steps = Steps(Table(probabilities.log().expand(1, 8, 6, 6), 1))
    reported = []
    stream_search(
        lambda stepper: [[one] for one in greedy_search(stepper, [5])],
        steps,
        lambda token, _, weights: reported.append((token, steps.number, weights)),
    )
    assert reported == [(A, 1, None), (B, 2, None), (END, 3, None)]


def test_a_beam_reports_the_tokens_that_all_slots_agree_on() -> None:
    # B (0.05) leads to END; A (0.95) splits into A and B, both with long continuations: once both slots hold
    # continuations of A, A is certain, long before the end.
    probabilities = torch.zeros(6, 6)
    probabilities[START, [A, B]] = torch.tensor([0.95, 0.05])
    probabilities[A, [A, B]] = torch.tensor([0.5, 0.5])
    probabilities[B, [A, END]] = torch.tensor([0.9, 0.1])
    steps = Steps(Table(probabilities.log().expand(1, 8, 6, 6), 1))
    reported = []
    search = partial(beam_search, max_lengths=[7], beam_size=2)
    stream_search(search, steps, lambda token, _, weights: reported.append((token, steps.number)))
    assert reported[0] == (A, 2)
    assert len(reported) == 7
