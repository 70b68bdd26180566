"""Banned phrases never appear in the results of any search; the rest is searched as before."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data.phrases import occurs_in
from regard.records.text import END, START
from regard.search import (
    BannedPhrases,
    BeamGroups,
    PhraseMatcher,
    Ranking,
    Sampling,
    beam_search,
    greedy_search,
    sample,
    uniform_draws,
)
from tests.search.tables import Table, all_bodies, random_table, total_of

# Eight tokens: the marks, then "a" and "b" that begin a word and "a" that goes on with one, and a full stop.
SPELLINGS = [b"", b" <unk>", b"", b"", b" a", b" b", b"a", b"."]
PHRASES = [["a"], ["a b"], ["aa", "b ."], ["<unk>"], ["b b", "a."], ["zzz"]]
banned = st.sampled_from(PHRASES)


def text_of(ids: tuple[int, ...]) -> str:
    return b"".join(SPELLINGS[i] for i in ids).decode().strip()


def restricted(table: Table, ban: list[str], limit: int) -> BannedPhrases:
    return BannedPhrases(table, PhraseMatcher(ban, SPELLINGS), torch.full((table.num_sentences,), limit))


def test_greedy_does_not_run_into_a_closed_word() -> None:
    # "a" has 0.6, but its word continues with probability 0.1 only: 0.06 is less than the 0.4 of "b".
    probabilities = torch.zeros(8, 8)
    probabilities[START, [4, 5]] = torch.tensor([0.6, 0.4])
    probabilities[4, [6, END]] = torch.tensor([0.1, 0.9])
    probabilities[[5, 6], END] = 1.0
    table = Table(probabilities.log().expand(1, 5, 8, 8), 1)
    (found,) = greedy_search(restricted(table, ["a"], 4), [4])
    assert (text_of(found.ids), found.log_probability) == ("b", pytest.approx(math.log(0.4)))
    (best,) = beam_search(restricted(table, ["a"], 4), [4], 3, num_best=2)
    assert [text_of(one.ids) for one in best] == ["b", "aa"]
    assert best[1].log_probability == pytest.approx(math.log(0.06), abs=1e-6)


@given(seed=st.integers(0, 10_000), ban=banned)
@settings(max_examples=40, deadline=None)
def test_no_search_writes_what_is_banned(seed: int, ban: list[str]) -> None:
    table = random_table(seed, sentences=2, size=8, steps=7)  # one more than is written: it weights ahead
    stepper = restricted(table, ban, 6)
    draws = [uniform_draws(seed, [row], 6, 4) for row in range(2)]
    found = [
        *[[one] for one in greedy_search(stepper, [6, 6])],
        *beam_search(stepper, [6, 6], 3, num_best=3),
        *beam_search(stepper, [6, 6], 4, num_best=4, groups=BeamGroups(2)),
        *sample(stepper, [6, 6], draws, Sampling()),
    ]
    for place, hypotheses in enumerate(found):
        for one in hypotheses:
            assert not any(occurs_in(phrase, text_of(one.ids)) for phrase in ban)
            if one.ids[-1] == END:
                assert one.log_probability == pytest.approx(total_of(table, place % 2, one.ids), abs=1e-5)


@given(seed=st.integers(0, 10_000), ban=banned)
@settings(max_examples=20, deadline=None)
def test_the_best_of_the_allowed_outputs_is_found(seed: int, ban: list[str]) -> None:
    table = random_table(seed, size=8, steps=5)
    (found,) = beam_search(restricted(table, ban, 4), [4], 700, Ranking(0.0), 3)
    left = [body for body in all_bodies(table, 3) if not any(occurs_in(one, text_of(body)) for one in ban)]
    totals = sorted((total_of(table, 0, (*body, END)) for body in left), reverse=True)
    assert [one.log_probability for one in found] == pytest.approx(totals[:3], abs=1e-5)


@given(seed=st.integers(0, 10_000), beam=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_a_word_that_is_never_written_changes_nothing(seed: int, beam: int) -> None:
    table = random_table(seed, sentences=2, size=8)
    stepper = restricted(table, ["zzz"], 6)
    assert beam_search(stepper, [6, 4], beam) == beam_search(table, [6, 4], beam)


def test_a_banned_word_may_be_part_of_another() -> None:
    (found,) = beam_search(restricted(random_table(1, size=8), ["a"], 3), [3], 300, Ranking(0.0), 50)
    written = {text_of(one.ids) for one in found if one.ids[-1] == END}
    assert "a" not in written
    assert "aa" in written
