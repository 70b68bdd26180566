from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn, optim

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.training.schedule import (
    Plateau,
    check_ending,
    check_optimiser,
    learning_rate,
    make_optimiser,
    total_steps,
)

PEAK = TrainingConfig(learning_rate=0.8, schedule="constant")


def rate(step, total=None, plateau=None, epochs=0.0, time_share=0.0, **changes):
    return learning_rate(
        replace(PEAK, **changes), step, total, plateau or Plateau(), epochs=epochs, time_share=time_share
    )


@pytest.mark.parametrize("schedule", ["constant", "inverse_sqrt", "plateau", "cosine"])
def test_the_warmup_climbs_linearly_to_the_peak(schedule):
    rates = [rate(n, total=20, schedule=schedule, warmup_steps=4) for n in (1, 2, 3, 4)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_constant_stays():
    assert [rate(n, warmup_steps=4) for n in (5, 5000)] == [0.8, 0.8]
    assert rate(1) == 0.8


def test_inverse_square_root_halves_at_four_times_the_warmup():
    assert rate(16, schedule="inverse_sqrt", warmup_steps=4) == pytest.approx(0.4)
    assert rate(36, schedule="inverse_sqrt", warmup_steps=4) == pytest.approx(0.8 / 3)
    assert rate(4, schedule="inverse_sqrt") == pytest.approx(0.4)


def test_cosine_is_half_way_down_in_the_middle():
    rates = [rate(n, total=8, schedule="cosine") for n in (1, 3, 5, 7)]
    half_turn = math.sqrt(0.5)
    assert rates == pytest.approx([0.8, 0.4 * (1 + half_turn), 0.4, 0.4 * (1 - half_turn)])
    assert rate(5, total=8, schedule="cosine", warmup_steps=4) == pytest.approx(0.8)
    assert rate(100, total=8, schedule="cosine") == pytest.approx(0)


def test_cosine_falls_with_the_time_where_that_ends_first():
    assert rate(1, schedule="cosine", time_share=0.5) == pytest.approx(0.4)
    assert rate(5, total=8, schedule="cosine", time_share=0.1) == pytest.approx(0.4)
    assert rate(2, total=8, schedule="cosine", time_share=1.3) == pytest.approx(0)


def test_halving_as_luong_and_sutskever_did():
    luong = [rate(1, schedule="halving", epochs=e) for e in (0, 4.9, 5, 5.9, 6, 9.5)]
    assert luong == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.025])
    sutskever = [rate(1, schedule="halving", halve_every=0.5, epochs=e) for e in (4.9, 5, 5.5, 7.4)]
    assert sutskever == pytest.approx([0.8, 0.4, 0.2, 0.025])
    assert rate(1, schedule="halving", warmup_steps=4, epochs=6) == pytest.approx(0.2)  # still warming up


def test_only_plateau_heeds_the_plateau():
    low = Plateau(scale=0.25)
    assert rate(9, schedule="plateau", plateau=low) == pytest.approx(0.2)
    assert rate(9, schedule="constant", plateau=low) == 0.8


def test_plateau_falls_after_its_patience_and_forgets_at_a_gain():
    state = Plateau()
    scales = []
    for gained in (True, False, False, False, True, False, False):
        state = state.after(gained, factor=0.5, patience=2)
        scales.append(state.scale)
    assert scales == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]


@given(
    st.integers(1, 500),
    st.integers(0, 50),
    st.sampled_from(["constant", "inverse_sqrt", "plateau", "cosine", "halving"]),
    st.floats(0, 300),
    st.floats(0, 2),
)
def test_no_rate_is_negative_or_above_the_peak(step, warmup, schedule, epochs, time_share):
    found = rate(
        step, total=200, warmup_steps=warmup, schedule=schedule, epochs=epochs, time_share=time_share
    )
    assert 0 <= found <= 0.8


def test_the_smaller_limit_ends_the_run():
    assert total_steps(replace(PEAK, epochs=3, max_steps=100), 10) == 30
    assert total_steps(replace(PEAK, epochs=3, max_steps=20), 10) == 20
    assert total_steps(replace(PEAK, epochs=0, max_steps=20), 10) == 20
    assert total_steps(replace(PEAK, epochs=0, max_steps=0), 10) is None


def test_a_run_without_an_end_is_refused():
    endless = replace(PEAK, epochs=0, max_steps=0)
    check_ending(endless)  # patience ends it
    with pytest.raises(ConfigError, match="nothing ends this run"):
        check_ending(replace(endless, patience=0))
    with pytest.raises(ConfigError, match=r"training.schedule: cosine .* set one of them"):
        check_ending(replace(endless, schedule="cosine"))
    check_ending(replace(endless, schedule="cosine", max_minutes=1, patience=0))
    with pytest.raises(ConfigError, match=r"training.halve_every: expected more than 0 epochs"):
        check_ending(replace(PEAK, schedule="halving", halve_every=0))


def test_optimisers_by_name():
    weights = [nn.Parameter()]
    adamw = make_optimiser(replace(PEAK, optimiser="adamw", weight_decay=0.1), weights)
    assert isinstance(adamw, optim.AdamW)
    assert adamw.param_groups[0]["weight_decay"] == 0.1
    assert type(make_optimiser(PEAK, weights)) is optim.Adam
    sgd = make_optimiser(replace(PEAK, optimiser="sgd", momentum=0.9), weights)
    assert isinstance(sgd, optim.SGD)
    assert sgd.param_groups[0]["momentum"] == 0.9
    with pytest.raises(ConfigError, match="unknown name 'adagrad'; known names: adam, adamw, sgd"):
        make_optimiser(replace(PEAK, optimiser="adagrad"), weights)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"momentum": 0.5}, "momentum 0.5: adam does not have it, only sgd"),
        ({"optimiser": "sgd", "momentum": 1.0}, "expected a share from 0 to below 1, got 1"),
    ],
)
def test_a_momentum_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        check_optimiser(replace(PEAK, **changes))
