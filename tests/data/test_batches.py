from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.batches import epoch_plan, sorted_batches
from regard.errors import ConfigError

Lengths = list[tuple[int, int]]
corpora = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), min_size=8, max_size=300)
budgets = st.integers(1, 200)


def plan_of(lengths: Lengths, batch_tokens: int, num_ranks: int = 1, epoch: int = 0) -> list[list[list[int]]]:
    source, target = zip(*lengths, strict=True)
    plan = epoch_plan(source, target, batch_tokens, seed=3, epoch=epoch, num_ranks=num_ranks)
    return [[rows.tolist() for rows in step] for step in plan]


def test_a_plan_by_hand() -> None:
    # targets 2 2 4 4 and one of 9 under a budget of 8: 3 x 4 would be too many, the 9 is a batch of its own
    plan = plan_of([(1, 2), (1, 4), (1, 9), (1, 2), (1, 4)], batch_tokens=8)
    assert sorted(sorted(step[0]) for step in plan) == [[0, 3], [1, 4], [2]]


def test_long_sources_are_guarded_against() -> None:
    # targets alone would allow 8 rows; 16 source tokens are the most, so one row of 16, or two of 8
    assert sorted(len(step[0]) for step in plan_of([(16, 1)] * 3, batch_tokens=8)) == [1, 1, 1]
    assert sorted(len(step[0]) for step in plan_of([(8, 1)] * 4, batch_tokens=8)) == [2, 2]


def test_pairs_are_sorted_by_target_before_source() -> None:
    # budget 8; costs 1, 3 and 4, 4: by target {0, 1} takes 2 x 3 and {2, 3} takes 2 x 4; by source 0 would go with 2
    plan = plan_of([(1, 1), (6, 1), (1, 4), (6, 4)], batch_tokens=8)
    assert sorted(sorted(step[0]) for step in plan) == [[0, 1], [2, 3]]


def test_pairs_with_equal_targets_are_sorted_by_source() -> None:
    # two sources of 16 tokens fill a batch each; the other two share one only where no 16 is between them
    for epoch in range(10):
        assert len(plan_of([(2, 1), (16, 1), (2, 1), (16, 1)], batch_tokens=8, epoch=epoch)) == 3


def test_the_shuffle_is_that_of_seed_and_epoch() -> None:
    # equal lengths stay in shuffled order; a run that is resumed by a later version must find the same plan
    (step,) = epoch_plan([1] * 9, [1] * 9, 100, seed=3, epoch=5)
    assert step[0].tolist() == np.random.default_rng([3, 5]).permutation(9).tolist()


@given(lengths=corpora, batch_tokens=budgets)
def test_every_row_appears_once_and_batches_keep_to_the_budget(lengths: Lengths, batch_tokens: int) -> None:
    batches = [step[0] for step in plan_of(lengths, batch_tokens)]
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        if len(batch) > 1:
            assert len(batch) * max(lengths[row][1] for row in batch) <= batch_tokens
            assert len(batch) * max(math.ceil(lengths[row][0] / 2) for row in batch) <= batch_tokens


@given(lengths=corpora, batch_tokens=st.integers(60, 200), num_ranks=st.integers(1, 4))
def test_ranks_share_every_row_with_work_at_every_step(
    lengths: Lengths, batch_tokens: int, num_ranks: int
) -> None:
    plan = plan_of(lengths, batch_tokens, num_ranks)
    assert all(len(step) == num_ranks for step in plan)
    assert all(rows for step in plan for rows in step)
    assert sorted(row for step in plan for rows in step for row in rows) == list(range(len(lengths)))


@given(lengths=corpora, batch_tokens=budgets)
def test_the_same_arguments_give_the_same_plan(lengths: Lengths, batch_tokens: int) -> None:
    assert plan_of(lengths, batch_tokens) == plan_of(lengths, batch_tokens)


def test_epochs_and_seeds_differ() -> None:
    lengths = [(i % 7 + 1, i % 5 + 1) for i in range(200)]
    assert plan_of(lengths, 20, epoch=0) != plan_of(lengths, 20, epoch=1)
    source, target = zip(*lengths, strict=True)
    first, second = (
        np.concatenate([s[0] for s in epoch_plan(source, target, 20, seed, 0)]) for seed in (1, 2)
    )
    assert first.tolist() != second.tolist()


def test_batches_hold_sentences_of_similar_length_in_no_order_of_length() -> None:
    random = np.random.default_rng(0)
    target = random.integers(1, 50, 5000)
    batches = [step[0] for step in epoch_plan(target, target, 500, seed=1, epoch=0)]
    padded = sum(len(rows) * int(target[rows].max()) for rows in batches)
    assert target.sum() / padded > 0.9  # unsorted batches would waste nearly half
    means = [float(target[rows].mean()) for rows in batches]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_an_empty_corpus_has_an_empty_plan() -> None:
    assert epoch_plan([], [], 100, seed=1, epoch=0) == []


def test_more_ranks_than_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"3 training pairs, each a batch of its own, .* among 4 ranks"):
        plan_of([(1, 1)] * 3, 100, num_ranks=4)


@given(lengths=st.lists(st.integers(0, 20), max_size=50), batch_size=st.integers(1, 9))
def test_sorted_batches_hold_every_row_once_the_longest_first(lengths: list[int], batch_size: int) -> None:
    batches = sorted_batches(lengths, batch_size)
    rows = [row for batch in batches for row in batch.tolist()]
    assert rows == sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches) == math.ceil(len(lengths) / batch_size)


def test_long_rows_are_decoded_fewer_at_a_time() -> None:
    batches = sorted_batches([10, 40, 100, 40, 7], batch_size=4, max_tokens=80)
    assert [batch.tolist() for batch in batches] == [[2], [1, 3], [0, 4]]
    # 16,384 tokens unless told otherwise: 163 sentences of 100
    assert [len(batch) for batch in sorted_batches([100] * 200, batch_size=1000)] == [163, 37]
