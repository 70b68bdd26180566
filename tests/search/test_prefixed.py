"""Prefixes are kept by every search, and change nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.records.text import END
from regard.search import (
    BeamGroups,
    Prefixed,
    Ranking,
    Sampling,
    beam_search,
    greedy_search,
    sample,
    uniform_draws,
)
from tests.search.tables import Table, all_bodies, random_table, total_of

TOKENS = st.lists(st.sampled_from([1, 4, 5]), max_size=4)
PREFIXES = st.lists(TOKENS, min_size=1, max_size=3)


def setting(seed: int, prefixes: list[list[int]]) -> tuple[Table, Prefixed]:
    table = random_table(seed, sentences=len(prefixes))
    return table, Prefixed.of(table, prefixes, "cpu")


@given(seed=st.integers(0, 10_000), prefixes=PREFIXES)
@settings(max_examples=30, deadline=None)
def test_every_search_begins_with_the_prefix(seed: int, prefixes: list[list[int]]) -> None:
    table, stepper = setting(seed, prefixes)
    limits = [6] * len(prefixes)
    draws = [uniform_draws(seed, [sentence], 6, 3) for sentence in range(len(prefixes))]
    found = [
        [[one] for one in greedy_search(stepper, limits)],
        beam_search(stepper, limits, 3, num_best=3),
        beam_search(stepper, limits, 4, num_best=4, groups=BeamGroups(2)),
        sample(stepper, limits, draws, Sampling()),
    ]
    for each in found:
        for sentence, hypotheses in enumerate(each):
            for one in hypotheses:
                assert list(one.ids[: len(prefixes[sentence])]) == prefixes[sentence]
                assert one.log_probability == pytest.approx(total_of(table, sentence, one.ids), abs=1e-5)


@given(seed=st.integers(0, 10_000), prefix=st.lists(st.sampled_from([1, 4, 5]), max_size=3))
@settings(max_examples=20, deadline=None)
def test_the_rest_is_the_best_continuation(seed: int, prefix: list[int]) -> None:
    table, stepper = setting(seed, [prefix])
    (found,) = beam_search(stepper, [5], 150, Ranking(0.0))
    bodies = [body for body in all_bodies(table, 4) if list(body[: len(prefix)]) == prefix]
    best = max(bodies, key=lambda body: total_of(table, 0, (*body, END)))
    assert found[0].ids == (*best, END)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_prefix_that_would_be_written_anyway_changes_nothing(seed: int) -> None:
    table = random_table(seed, sentences=2)
    free = greedy_search(table, [6, 6])
    begun = [list(one.ids[:2]) for one in free if END not in one.ids[:2]]
    if len(begun) == 2:
        assert greedy_search(Prefixed.of(table, begun, "cpu"), [6, 6]) == free
