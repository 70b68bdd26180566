"""Means of weights, worked out by hand."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from torch import nn

from regard.training.averaging import MovingAverage, swapped_weights


def one_weight(value: float) -> nn.Module:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def test_the_moving_average_soon_forgets_the_fresh_weights():
    model = one_weight(11.0)
    moving = MovingAverage(model, decay=0.5)
    nn.init.zeros_(model.weight)
    moving.update(model, 1)  # keeps 2/11
    assert moving.weights["weight"].item() == pytest.approx(2.0)
    moving.update(model, 2)  # keeps 3/12
    assert moving.weights["weight"].item() == pytest.approx(0.5)
    moving.update(model, 1000)  # keeps the decay, for 1001/1010 is more
    assert moving.weights["weight"].item() == pytest.approx(0.25)


def test_weights_are_swapped_weights_and_come_back_even_after_an_error():
    model = one_weight(1.0)
    weights = {"weight": torch.full((1, 1), 5.0)}
    with suppress(ZeroDivisionError), swapped_weights(model, weights):
        assert model.weight.item() == 5.0
        raise ZeroDivisionError
    assert model.weight.item() == 1.0
    assert weights["weight"].item() == 5.0
