from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.config import TrainingConfig
from regard.training.schedule import Plateau, learning_rate

PEAK = TrainingConfig(learning_rate=0.8, schedule="constant")


def rate(step, total=None, plateau=None, epochs=0.0, time_share=0.0, **changes):
    return learning_rate(
        replace(PEAK, **changes), step, total, plateau or Plateau(), epochs=epochs, time_share=time_share
    )


@pytest.mark.parametrize("schedule", ["constant", "inverse_sqrt", "plateau", "cosine"])
def test_the_warmup_climbs_linearly_to_the_peak(schedule):
    rates = [rate(n, total=20, schedule=schedule, warmup_steps=4) for n in (1, 2, 3, 4)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_the_warmup_is_at_most_half_of_all_steps():
    long = {"warmup_steps": 100}
    assert [rate(n, total=8, **long) for n in (1, 2, 3, 4, 5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert [rate(n, total=7, **long) for n in (1, 2, 3, 4)] == pytest.approx([0.8 / 3, 1.6 / 3, 0.8, 0.8])
    assert rate(1, total=1, **long) == 0.8
    assert rate(50, **long) == pytest.approx(0.4)  # without an end it is as long as the recipe says
    assert [rate(n, total=8, warmup_steps=4) for n in (2, 5)] == pytest.approx([0.4, 0.8])
    assert rate(8, total=8, schedule="inverse_sqrt", **long) == pytest.approx(0.8 * math.sqrt(4 / 8))


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
    after_warmup = [rate(n, total=12, schedule="cosine", warmup_steps=4) for n in (4, 5, 9, 12)]
    assert after_warmup == pytest.approx([0.8, 0.8, 0.4, 0.4 * (1 + math.cos(math.pi * 7 / 8))])


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
    assert [rate(n, schedule="plateau", plateau=low, warmup_steps=4) for n in (4, 5)] == [0.8, 0.2]


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
