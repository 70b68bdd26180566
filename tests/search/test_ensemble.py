"""Ensembles: by hand, and of one model many times."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from regard.model import ModelStepper
from regard.records.text import END, START
from regard.search import Ensemble, beam_search, forced_decode, greedy_search
from tests.search.tables import Table
from tests.search.test_with_models import LIMITS, assert_same, setting, stepper
from tests.small import WAYS

A, B = 4, 5


def table_of(first: list[float]) -> Table:
    """A or B with these probabilities, then END."""
    probabilities = torch.zeros(6, 6)
    probabilities[START, [A, B]] = torch.tensor(first)
    probabilities[[A, B], END] = 1.0
    return Table(probabilities.log().expand(1, 3, 6, 6), 1)


def test_probabilities_are_averaged_by_hand() -> None:
    # 0.9 and 0.3 for A: 0.6 on average, where the mean of logarithms would compare √0.27 with √0.07.
    together = Ensemble((table_of([0.9, 0.1]), table_of([0.3, 0.7])))
    (found,) = greedy_search(together, [3])
    assert found.ids == (A, END)
    assert found.log_probability == pytest.approx(math.log(0.6))
    (other,) = forced_decode(together, [[B, END]])
    assert other.log_probability == pytest.approx(math.log(0.4))


def test_a_token_that_no_member_can_write_stays_impossible() -> None:
    together = Ensemble((table_of([1.0, 0.0]), table_of([1.0, 0.0])))
    (found,) = beam_search(together, [3], beam_size=4, num_best=4)
    assert [one.ids for one in found] == [(A, END)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("copies", [1, 3])
def test_an_ensemble_of_one_model_is_that_model(way: str, copies: int) -> None:
    model, batch = setting(way)
    alone = beam_search(stepper(model, batch), LIMITS, 3, num_best=3)
    together = beam_search(Ensemble((stepper(model, batch),) * copies), LIMITS, 3, num_best=3)
    for some, others in zip(alone, together, strict=True):
        for one, other in zip(some, others, strict=True):
            assert_same(one, other)


def test_attention_is_that_of_the_members_who_have_it() -> None:
    members: list[ModelStepper] = []
    for way in ("luong", "plain", "bahdanau"):
        model, batch = setting(way)
        members.append(stepper(model, batch))
    target = [[6, 7, END]] * 4
    apart = [forced_decode(member, target) for member in members]
    for row, one in enumerate(forced_decode(Ensemble(tuple(members)), target)):
        weights = [each[row].attention for each in apart]
        assert weights[1] is None
        assert one.attention is not None
        np.testing.assert_allclose(one.attention, (weights[0] + weights[2]) / 2, atol=1e-6)  # type: ignore[operator]
        np.testing.assert_allclose(one.attention.sum(1), 1, atol=1e-5)
