"""Beam search against tables by hand, brute force, and a slow beam in plain Python."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regard.errors import SearchError
from regard.records.text import END, PAD, START, UNKNOWN, Hypothesis
from regard.search import Ranking, beam_search, forced_decode, greedy_search
from tests.search.tables import Ranked, Table, all_outputs, random_table, slow_beam

A, B = 4, 5
seeds = st.integers(0, 10_000)


def table_by_hand() -> Table:
    """Greedy takes A (0.6), after which the best is END (0.55): 0.33. B END is 0.4 × 0.9 = 0.36."""
    probabilities = torch.zeros(6, 6)
    probabilities[START, [A, B]] = torch.tensor([0.6, 0.4])
    probabilities[A, [A, B, END]] = torch.tensor([0.25, 0.2, 0.55])
    probabilities[B, [A, END]] = torch.tensor([0.1, 0.9])
    return Table(probabilities.log().expand(1, 8, 6, 6), 1)


def assert_agree(found: list[Hypothesis], expected: list[Ranked]) -> None:
    assert [one.ids for one in found] == [ids for _, _, ids in expected]
    for one, (score, total, _) in zip(found, expected, strict=True):
        assert one.score == pytest.approx(score, abs=1e-5)
        assert one.log_probability == pytest.approx(total, abs=1e-5)


def test_greedy_misses_the_best_path() -> None:
    (found,) = greedy_search(table_by_hand(), [5])
    assert found.ids == (A, END)
    assert found.log_probability == pytest.approx(math.log(0.33))


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_of_two_finds_the_best_path(penalty: float) -> None:
    (found,) = beam_search(table_by_hand(), [5], beam_size=2, ranking=Ranking(penalty), num_best=2)
    assert [one.ids for one in found] == [(B, END), (A, END)]
    assert found[0].log_probability == pytest.approx(math.log(0.36), abs=1e-6)
    assert found[0].score == pytest.approx(math.log(0.36) / 2**penalty, abs=1e-6)
    assert found[0].attention is None


def test_the_length_penalty_favours_length() -> None:
    # A B END: 0.6 × 0.2 × 0.9 = 0.108, whose ln is -2.226; B END: 0.36, ln -1.022.
    # Penalty 0 takes the latter; with 3 the former has -2.226 / 27 = -0.082, the latter -1.022 / 8 = -0.128.
    (short,) = beam_search(table_by_hand(), [3], beam_size=30, ranking=Ranking(0.0))
    (long,) = beam_search(table_by_hand(), [3], beam_size=30, ranking=Ranking(3.0))
    assert short[0].ids == (B, END)
    assert long[0].ids == (A, B, END)
    assert long[0].score == pytest.approx(math.log(0.108) / 27, abs=1e-6)


@given(seed=seeds, penalty=st.sampled_from([0.0, 0.6, 1.0]), num_best=st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_a_beam_as_wide_as_all_paths_is_brute_force(seed: int, penalty: float, num_best: int) -> None:
    table = random_table(seed, steps=4)
    (found,) = beam_search(table, [4], beam_size=400, ranking=Ranking(penalty), num_best=num_best)
    assert_agree(found, all_outputs(table, 0, 4, penalty)[:num_best])


@given(
    seed=seeds,
    size=st.sampled_from([4, 5, 6]),
    limit=st.integers(1, 6),
    beam=st.integers(1, 9),
    penalty=st.sampled_from([0.0, 0.5, 1.0, 1.5]),
    forbidden=st.sampled_from([0.0, 0.5, 0.9]),
    pick=st.integers(0, 8),
)
@example(seed=431, size=5, limit=5, beam=6, penalty=1.0, forbidden=0.5, pick=5)  # a slot empty for a while
@settings(max_examples=80, deadline=None)
def test_the_early_stop_is_exact(
    seed: int, size: int, limit: int, beam: int, penalty: float, forbidden: float, pick: int
) -> None:
    num_best = 1 + pick % beam
    table = random_table(seed, size=size, forbidden=forbidden)
    (found,) = beam_search(table, [limit], beam_size=beam, ranking=Ranking(penalty), num_best=num_best)
    assert_agree(found, slow_beam(table, 0, limit, beam, penalty)[:num_best])


def test_an_empty_slot_stays_free_for_later_hypotheses() -> None:
    # One path or END at first, three ways later: slots that nothing could fill must not be lost to a beam of 4.
    probabilities = torch.zeros(1, 4, 7, 7)
    probabilities[0, 0, START, [4, END]] = torch.tensor([0.6, 0.4])
    probabilities[0, 1, 4, 4] = 1.0
    probabilities[0, 2, 4, [4, 5, 6]] = torch.tensor([0.5, 0.3, 0.2])
    probabilities[0, 3, 4:, END] = 1.0
    (found,) = beam_search(Table(probabilities.log(), 1), [4], beam_size=4, ranking=Ranking(0.0), num_best=4)
    assert [one.ids for one in found] == [(END,), (4, 4, 4, END), (4, 4, 5, END), (4, 4, 6, END)]


def test_it_stops_when_nothing_can_overtake() -> None:
    steps = []

    class Counting(Table):
        def step(self, tokens: torch.Tensor, state):  # type: ignore[no-untyped-def]
            steps.append(1)
            return super().step(tokens, state)

    probabilities = torch.full((6, 6), 0.0)
    probabilities[:, [A, END]] = torch.tensor([0.1, 0.9])
    beam_search(Counting(probabilities.log().expand(1, 50, 6, 6), 1), [50], beam_size=3, ranking=Ranking(0.0))
    assert len(steps) == 1  # END at 0.9; every other hypothesis has 0.1 at most


@given(seed=seeds, limits=st.lists(st.integers(1, 6), min_size=1, max_size=4), beam=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_a_sentence_alone_is_a_sentence_in_the_batch(seed: int, limits: list[int], beam: int) -> None:
    table = random_table(seed, sentences=len(limits))
    together = beam_search(table, limits, beam_size=beam, num_best=beam)
    for sentence, limit in enumerate(limits):
        (alone,) = beam_search(table.alone(sentence), [limit], beam_size=beam, num_best=beam)
        assert [(one.ids, one.score) for one in alone] == [(one.ids, one.score) for one in together[sentence]]


@given(seed=seeds, limit=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_a_beam_of_one_is_greedy(seed: int, limit: int) -> None:
    table = random_table(seed, sentences=3)
    for greedy, (best,) in zip(
        greedy_search(table, [limit] * 3), beam_search(table, [limit] * 3, beam_size=1), strict=True
    ):
        assert greedy.ids == best.ids
        assert greedy.score == pytest.approx(best.score, abs=1e-5)


@given(seed=seeds, limit=st.integers(1, 6), beam=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_results_are_well_formed(seed: int, limit: int, beam: int) -> None:
    (found,) = beam_search(random_table(seed), [limit], beam_size=beam, num_best=beam)
    assert 1 <= len(found) <= beam
    assert len({one.ids for one in found}) == len(found)
    ended = [one.ids[-1] == END for one in found]
    assert ended == sorted(ended, reverse=True)  # the cut off come last
    for group in (True, False):
        scores = [one.score for one, end in zip(found, ended, strict=True) if end == group]
        assert scores == sorted(scores, reverse=True)
    for one in found:
        assert not {PAD, START} & set(one.ids)
        assert END not in one.ids[:-1]
        assert len(one.ids) <= limit
        assert one.ids[-1] == END or len(one.ids) == limit


def test_unwritable_tokens_are_not_written_however_probable() -> None:
    probabilities = torch.full((6, 6), 0.01)
    probabilities[:, [PAD, START]] = 0.4
    table = Table(probabilities.log().expand(1, 3, 6, 6), 1)
    assert set(greedy_search(table, [3])[0].ids) <= {UNKNOWN, END, A, B}
    assert all(
        not {PAD, START} & set(one.ids) for one in beam_search(table, [3], beam_size=50, num_best=50)[0]
    )


def test_a_beam_wider_than_the_vocabulary() -> None:
    table = random_table(3, size=4, steps=3)  # only UNKNOWN and END can be written
    (found,) = beam_search(table, [3], beam_size=9, ranking=Ranking(0.0), num_best=9)
    assert_agree(found, all_outputs(table, 0, 3, 0.0))
    assert len(found) == 4  # END, ? END, ? ? END, ? ? ?


def test_no_sentence_gives_no_hypothesis() -> None:
    table = Table(torch.zeros(0, 3, 6, 6), 0)
    assert greedy_search(table, []) == []
    assert beam_search(table, []) == []
    assert forced_decode(table, []) == []


@pytest.mark.parametrize(("beam", "num_best"), [(0, 1), (2, 3), (3, 0)])
def test_a_beam_too_small_for_num_best_is_refused(beam: int, num_best: int) -> None:
    with pytest.raises(
        SearchError, match=f"beam {beam} cannot give {num_best} best; expected 1 <= num_best <= beam"
    ):
        beam_search(table_by_hand(), [3], beam_size=beam, num_best=num_best)


def test_a_negative_length_penalty_is_refused() -> None:
    with pytest.raises(SearchError, match=r"search\.length_penalty: expected 0 or more, got -1"):
        Ranking(-1)


def test_forced_decoding_by_hand() -> None:
    (found,) = forced_decode(table_by_hand(), [[A, B, END]])
    # 0.6 × 0.2 × 0.9 = 0.108, over three tokens
    assert found.ids == (A, B, END)
    assert found.log_probability == pytest.approx(math.log(0.108))
    assert found.score == pytest.approx(math.log(0.108) / 3)
    (whole,) = forced_decode(table_by_hand(), [[A, B, END]], ranking=Ranking(0.0))
    assert whole.score == whole.log_probability


def test_forced_decoding_of_different_lengths() -> None:
    table = random_table(5, sentences=3)
    targets = [[A, END], [], [B, A, A, END]]
    together = forced_decode(table, targets)
    for sentence, target in enumerate(targets):
        total = sum(table.gain(sentence, target[:t], token) for t, token in enumerate(target))
        assert together[sentence].ids == tuple(target)
        assert together[sentence].log_probability == pytest.approx(total)
