from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn, optim

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.training.schedule import Plateau, check_ending, learning_rate, make_optimiser, total_steps

PEAK = TrainingConfig(learning_rate=0.8, schedule="constant")


def rate(step, total=None, plateau=None, **changes):
    return learning_rate(replace(PEAK, **changes), step, total, plateau or Plateau())


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
    st.sampled_from(["constant", "inverse_sqrt", "plateau", "cosine"]),
)
def test_no_rate_is_negative_or_above_the_peak(step, warmup, schedule):
    assert 0 <= rate(step, total=200, warmup_steps=warmup, schedule=schedule) <= 0.8


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


def test_optimisers_by_name():
    weights = [nn.Parameter()]
    adamw = make_optimiser(replace(PEAK, optimiser="adamw", weight_decay=0.1), weights)
    assert isinstance(adamw, optim.AdamW)
    assert adamw.param_groups[0]["weight_decay"] == 0.1
    assert type(make_optimiser(PEAK, weights)) is optim.Adam
    with pytest.raises(ConfigError, match="unknown name 'sgd'; known names: adam, adamw"):
        make_optimiser(replace(PEAK, optimiser="sgd"), weights)  # type: ignore[arg-type]
