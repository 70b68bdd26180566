"""Diverse groups: by hand, and against a slow search in plain Python."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import SearchError
from regard.records.text import END, PAD, START
from regard.search import BeamGroups, Ranking, beam_search
from tests.search.tables import Table, random_table, total_of

A, B = 4, 5


def test_the_second_group_avoids_the_first_by_hand() -> None:
    # A has 0.6 and B 0.4; ln 0.6 - ln 0.4 = 0.405, so a penalty of 0.5 sends the second group to B.
    probabilities = torch.zeros(6, 6)
    probabilities[START, [A, B]] = torch.tensor([0.6, 0.4])
    probabilities[[A, B], END] = 1.0
    table = Table(probabilities.log().expand(1, 3, 6, 6), 1)
    (found,) = beam_search(table, [3], 2, Ranking(0.0), 2, BeamGroups(2, 0.5))
    assert [one.ids for one in found] == [(A, END), (B, END)]
    assert [one.log_probability for one in found] == pytest.approx([math.log(0.6), math.log(0.4)], abs=1e-6)
    (alike,) = beam_search(table, [3], 2, Ranking(0.0), 2, BeamGroups(2, 0.4))
    assert [one.ids for one in alike] == [(A, END)]  # a hypothesis of two groups counts once


@given(
    seed=st.integers(0, 10_000),
    number=st.integers(2, 3),
    size=st.integers(1, 3),
    penalty=st.sampled_from([0.0, 0.5, 3.0]),
    limit=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_the_slow_search(
    seed: int, number: int, size: int, penalty: float, limit: int
) -> None:
    table = random_table(seed)
    (found,) = beam_search(
        table, [limit], number * size, Ranking(0.7), number * size, BeamGroups(number, penalty)
    )
    distinct = {ids for group in slow_groups(table, limit, number, size, penalty) for ids in group}
    assert {one.ids for one in found} == distinct
    for one in found:
        assert one.log_probability == pytest.approx(total_of(table, 0, one.ids), abs=1e-5)
        assert one.score == pytest.approx(one.log_probability / len(one.ids) ** 0.7, abs=1e-5)


@given(seed=st.integers(0, 10_000), number=st.integers(2, 3), size=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_each_group_gives_its_best(seed: int, number: int, size: int) -> None:
    table = random_table(seed)
    (found,) = beam_search(table, [6], number * size, Ranking(0.7), number, BeamGroups(number, 1.0))
    heads = set()
    for group in slow_groups(table, 6, number, size, 1.0):
        heads.add(max(group, key=lambda ids: (ids[-1] == END, total_of(table, 0, ids) / len(ids) ** 0.7)))
    assert heads <= {one.ids for one in found}


@given(seed=st.integers(0, 10_000), limits=st.lists(st.integers(1, 6), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_sentence_alone_is_a_sentence_in_the_batch(seed: int, limits: list[int]) -> None:
    table = random_table(seed, sentences=len(limits))
    together = beam_search(table, limits, 4, num_best=3, groups=BeamGroups(2, 1.0))
    for sentence, limit in enumerate(limits):
        (alone,) = beam_search(table.alone(sentence), [limit], 4, num_best=3, groups=BeamGroups(2, 1.0))
        assert [one.ids for one in alone] == [one.ids for one in together[sentence]]


def slow_groups(
    table: Table, limit: int, number: int, size: int, penalty: float
) -> list[list[tuple[int, ...]]]:
    """Diverse beam search in plain Python: the final hypotheses of each group, no early stop."""
    finished: list[list[tuple[int, ...]]] = [[] for _ in range(number)]
    going: list[list[tuple[int, ...]]] = [[()] for _ in range(number)]
    for _ in range(limit):
        chosen: list[int] = []
        for group in range(number):
            longer = []
            for ids in going[group]:
                for token in range(table.log_probabilities.shape[-1]):
                    if token not in (PAD, START):
                        total = total_of(table, 0, (*ids, token))
                        longer.append((total - penalty * chosen.count(token), (*ids, token)))
            longer.sort(reverse=True)
            kept = [ids for _, ids in longer[: size - len(finished[group])]]
            finished[group] += [ids for ids in kept if ids[-1] == END]
            going[group] = [ids for ids in kept if ids[-1] != END]
            chosen += [ids[-1] for ids in kept]
    return [ended + cut for ended, cut in zip(finished, going, strict=True)]


@pytest.mark.parametrize(
    ("beam", "groups", "words"),
    [(5, 2, "a beam of 5 cannot be cut into 2 groups"), (2, 3, "a beam of 2 cannot be cut into 3")],
)
def test_a_beam_that_cannot_be_cut_is_refused(beam: int, groups: int, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        beam_search(random_table(1), [3], beam, groups=BeamGroups(groups))


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(SearchError, match="expected 1 group or more, got 0"):
        BeamGroups(0)
    with pytest.raises(SearchError, match="diversity penalty must be 0 or more, got -1"):
        BeamGroups(2, -1.0)
