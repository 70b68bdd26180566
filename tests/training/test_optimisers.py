"""Optimisers by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn, optim

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.training.optimisers import check_optimiser, make_optimiser

CONFIG = TrainingConfig(learning_rate=0.8)


def test_optimisers_by_name():
    weights = [nn.Parameter()]
    adamw = make_optimiser(replace(CONFIG, optimiser="adamw", weight_decay=0.1), weights)
    assert isinstance(adamw, optim.AdamW)
    assert adamw.param_groups[0]["weight_decay"] == 0.1
    assert type(make_optimiser(CONFIG, weights)) is optim.Adam
    sgd = make_optimiser(replace(CONFIG, optimiser="sgd", momentum=0.9), weights)
    assert isinstance(sgd, optim.SGD)
    assert sgd.param_groups[0]["momentum"] == 0.9
    with pytest.raises(ConfigError, match="unknown name 'adagrad'; known names: adam, adamw, sgd"):
        make_optimiser(replace(CONFIG, optimiser="adagrad"), weights)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"momentum": 0.5}, "momentum 0.5: adam does not have it, only sgd"),
        ({"optimiser": "sgd", "momentum": 1.0}, "expected at least 0 and less than 1, got 1"),
    ],
)
def test_a_momentum_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        check_optimiser(replace(CONFIG, **changes))
