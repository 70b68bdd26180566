"""Tokens told while they are written: the same as in the end, and as early as nothing else can come."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.records.text import END, START
from regard.search import beam_search, follow_search, greedy_search
from tests.search.tables import Table, random_table, with_looks

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
def test_what_is_told_is_what_comes_out(seed: int, beam: int, limit: int) -> None:
    table = with_looks(random_table(seed), seed, [3])
    told = []
    search = partial(beam_search, max_lengths=[limit], beam=beam)
    (found,) = follow_search(search, table, lambda *token: told.append(token))
    assert [one.ids for one in found] == [one.ids for one in search(table)[0]]
    assert tuple(token for token, _, _ in told) == found[0].ids
    assert [gain for _, gain, _ in told] == pytest.approx(found[0].log_probabilities, abs=1e-5)
    np.testing.assert_allclose(np.stack([look for _, _, look in told]), found[0].attention, atol=1e-6)


def test_greedy_tells_each_token_before_the_next_is_thought_of() -> None:
    probabilities = torch.zeros(6, 6)
    probabilities[START, A] = probabilities[A, B] = probabilities[B, END] = 1.0
    steps = Steps(Table(probabilities.log().expand(1, 8, 6, 6), 1))
    told = []
    follow_search(
        lambda stepper: [[one] for one in greedy_search(stepper, [5])],
        steps,
        lambda token, _, look: told.append((token, steps.number, look)),
    )
    assert told == [(A, 1, None), (B, 2, None), (END, 3, None)]


def test_a_beam_tells_what_all_its_slots_agree_on() -> None:
    # B (0.4) leads to END; A (0.6) splits into A and B, each of which goes on for long: once both slots are filled
    # with continuations of A, A is certain, long before the end.
    probabilities = torch.zeros(6, 6)
    probabilities[START, [A, B]] = torch.tensor([0.95, 0.05])
    probabilities[A, [A, B]] = torch.tensor([0.5, 0.5])
    probabilities[B, [A, END]] = torch.tensor([0.9, 0.1])
    steps = Steps(Table(probabilities.log().expand(1, 8, 6, 6), 1))
    told = []
    search = partial(beam_search, max_lengths=[7], beam=2)
    follow_search(search, steps, lambda token, _, look: told.append((token, steps.number)))
    assert told[0] == (A, 2)
    assert len(told) == 7
