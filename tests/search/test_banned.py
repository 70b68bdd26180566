"""Banned phrases never appear, whatever the search; what is left is searched as before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data.phrases import stands
from regard.records import END
from regard.search import (
    Banned,
    Groups,
    Phrases,
    Ranking,
    Sampling,
    beam_search,
    greedy_search,
    noise,
    sample,
)
from tests.search.tables import Table, all_bodies, random_table, total_of

# Eight pieces: the marks, then "a" and "b" that begin a word and "a" that goes on with one, and a full stop.
SPELLINGS = [b"", b" <unk>", b"", b"", b" a", b" b", b"a", b"."]
PHRASES = [["a"], ["a b"], ["aa", "b ."], ["<unk>"], ["b b", "a."], ["zzz"]]
banned = st.sampled_from(PHRASES)


def text_of(ids: tuple[int, ...]) -> str:
    return b"".join(SPELLINGS[i] for i in ids).decode().strip()


@given(seed=st.integers(0, 10_000), ban=banned)
@settings(max_examples=40, deadline=None)
def test_no_search_writes_what_is_banned(seed: int, ban: list[str]) -> None:
    table = random_table(seed, sentences=2, size=8)
    stepper = Banned(table, Phrases(ban, SPELLINGS))
    draws = [noise(seed, [row], 6, 4) for row in range(2)]
    found = [
        *[[one] for one in greedy_search(stepper, [6, 6])],
        *beam_search(stepper, [6, 6], 3, num_best=3),
        *beam_search(stepper, [6, 6], 4, num_best=4, groups=Groups(2)),
        *sample(stepper, [6, 6], draws, Sampling()),
    ]
    for place, hypotheses in enumerate(found):
        for one in hypotheses:
            cut = one.ids if one.ids[-1] == END else one.ids[:-1]  # a word cut off might have gone on
            assert not any(stands(phrase, text_of(cut)) for phrase in ban if one.ids[-1] == END)
            assert one.log_probability == pytest.approx(total_of(table, place % 2, one.ids), abs=1e-5)


@given(seed=st.integers(0, 10_000), ban=banned)
@settings(max_examples=20, deadline=None)
def test_the_best_of_what_is_left_is_found(seed: int, ban: list[str]) -> None:
    table = random_table(seed, size=8, steps=4)
    (found,) = beam_search(Banned(table, Phrases(ban, SPELLINGS)), [4], 700, Ranking(0.0), 3)
    left = [body for body in all_bodies(table, 3) if not any(stands(one, text_of(body)) for one in ban)]
    totals = sorted((total_of(table, 0, (*body, END)) for body in left), reverse=True)
    assert [one.log_probability for one in found] == pytest.approx(totals[:3], abs=1e-5)


@given(seed=st.integers(0, 10_000), beam=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_a_word_that_nobody_writes_changes_nothing(seed: int, beam: int) -> None:
    table = random_table(seed, sentences=2, size=8)
    stepper = Banned(table, Phrases(["zzz"], SPELLINGS))
    assert beam_search(stepper, [6, 4], beam) == beam_search(table, [6, 4], beam)


def test_a_banned_word_may_be_part_of_another() -> None:
    table = Table(random_table(1, size=8).log_probabilities, 1)
    stepper = Banned(table, Phrases(["a"], SPELLINGS))
    (found,) = beam_search(stepper, [3], 300, Ranking(0.0), 50)
    written = {text_of(one.ids) for one in found if one.ids[-1] == END}
    assert "a" not in written
    assert "aa" in written
