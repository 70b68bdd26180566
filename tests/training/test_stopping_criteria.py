"""When a run validates and when it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.training.progress import Progress
from regard.training.stopping_criteria import (
    Stopwatch,
    check_stopping,
    stop_reason,
    total_steps,
    validation_is_due,
)

ENDLESS = TrainingConfig(schedule="constant", epochs=0, max_steps=0, patience=0)


def reason(config, time_share=0.0, **progress):
    return stop_reason(config, Progress(**progress), time_share)


def test_the_smaller_limit_ends_the_run():
    assert total_steps(replace(ENDLESS, epochs=3, max_steps=100), 10) == 30
    assert total_steps(replace(ENDLESS, epochs=3, max_steps=20), 10) == 20
    assert total_steps(replace(ENDLESS, epochs=0, max_steps=20), 10) == 20
    assert total_steps(replace(ENDLESS, patience=5), 10) is None


def test_a_run_without_an_end_is_refused():
    endless = replace(ENDLESS, patience=5)
    check_stopping(endless)  # patience ends it
    with pytest.raises(ConfigError, match="nothing ends this run"):
        check_stopping(replace(endless, patience=0))
    with pytest.raises(ConfigError, match=r"training.schedule: cosine .* set one of them"):
        check_stopping(replace(endless, schedule="cosine"))
    check_stopping(replace(endless, schedule="cosine", max_minutes=1, patience=0))
    with pytest.raises(ConfigError, match=r"training.halve_every: expected more than 0 epochs"):
        check_stopping(replace(ENDLESS, schedule="halving", halve_every=0))


@pytest.mark.parametrize(
    ("limit", "before", "at", "after", "words"),
    [
        ({"max_steps": 7}, {"step": 6}, {"step": 7}, {"step": 8}, "reached max_steps = 7"),
        ({"epochs": 2}, {"epoch": 1}, {"epoch": 2}, {"epoch": 3}, "finished 2 epochs"),
        ({"epochs": 1}, {"epoch": 0}, {"epoch": 1}, {"epoch": 2}, "finished 1 epoch"),
        (
            {"max_minutes": 1.5},
            {"time_share": 0.99},
            {"time_share": 1.0},
            {"time_share": 2.0},
            "reached max_minutes = 1.5",
        ),
        (
            {"patience": 3},
            {"without_gain": 2},
            {"without_gain": 3},
            {"without_gain": 4},
            "bleu has not improved in 3 validations",
        ),
    ],
)
def test_each_limit_ends_the_run_when_it_is_reached(limit, before, at, after, words):
    config = replace(ENDLESS, **limit)
    assert reason(config, **before) is None
    assert reason(config, **at) == words
    assert reason(config, **after)
    assert reason(ENDLESS, **after) is None  # 0 is no limit


def due(config, time_share=0.0, **progress):
    return validation_is_due(config, Progress(**progress), time_share)


def test_validations_come_every_so_many_steps_or_at_the_end_of_an_epoch():
    every = replace(ENDLESS, validate_every=3)
    assert [due(every, step=step, batch=1) for step in (1, 2, 3, 4, 6)] == [False, False, True, False, True]
    assert not due(every, step=4, epoch=1, batch=0)
    assert [due(ENDLESS, step=4, epoch=1, batch=batch) for batch in (0, 1)] == [True, False]


def test_the_end_is_validated_and_no_step_twice():
    config = replace(ENDLESS, validate_every=3, max_steps=7, max_minutes=1)
    assert due(config, step=7, batch=1)
    assert due(config, step=5, batch=1, time_share=1.0)
    assert not due(config, step=5, batch=1, time_share=0.5)
    assert not due(config, step=0)
    for step in (3, 7):
        assert not due(config, step=step, batch=1, validated_step=step)


def test_a_stopwatch_counts_what_earlier_parts_of_the_run_took(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("regard.training.stopping_criteria.time.monotonic", lambda: now[0])
    watch = Stopwatch(max_minutes=2, elapsed_s=30)
    assert (watch.elapsed_s(), watch.share(), watch.remaining_s()) == (30, 0.25, 90)
    now[0] += 120
    assert (watch.elapsed_s(), watch.share(), watch.remaining_s()) == (150, 1.25, 0)
    unlimited = Stopwatch(max_minutes=0)
    now[0] += 5
    assert (unlimited.elapsed_s(), unlimited.share(), unlimited.remaining_s()) == (5, 0, None)
