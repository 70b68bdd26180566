"""Which validation is best, which checkpoints are kept, and how progress goes on."""

from __future__ import annotations

import math

import pytest

from regard.config import TrainingConfig
from regard.training.progress import Progress, ValidatedStep
from regard.training.schedule import Plateau


@pytest.mark.parametrize(
    ("metric", "one", "other", "better"),
    [
        ("bleu", (2.0, 9.0), (1.0, 1.0), True),
        ("bleu", (1.0, 1.0), (2.0, 9.0), False),
        ("wer", (1.0, 9.0), (2.0, 1.0), True),
        ("loss", (3.0, 3.0), (2.0, 2.0), False),
        ("bleu", (0.0, 1.0), (0.0, 2.0), True),  # equal: the loss decides
        ("bleu", (0.0, 2.0), (0.0, 1.0), False),
        ("bleu", (0.0, 1.0), (0.0, 1.0), False),  # nothing is better than itself
    ],
)
def test_better_is_what_the_metric_says_and_then_the_loss(metric, one, other, better):
    assert ValidatedStep(1, *one).is_better(ValidatedStep(2, *other), metric) == better


def test_the_first_validation_is_the_best_and_then_only_a_better_one():
    first = ValidatedStep(3, 1.0, 5.0)
    assert Progress(metric="bleu").is_best(ValidatedStep(3, 0.0, math.inf))
    now = Progress(metric="bleu").with_best(first)
    assert (now.best, now.best_loss, now.best_step) == (1.0, 5.0, 3)
    assert not now.is_best(ValidatedStep(6, 1.0, 5.0))
    assert now.is_best(ValidatedStep(6, 1.0, 4.9))
    assert now.is_best(ValidatedStep(6, 1.1, 9.0))


def test_the_best_checkpoints_are_kept_in_their_order():
    now, kept = Progress(metric="bleu"), []
    for step, bleu in enumerate([3.0, 1.0, 5.0, 3.0, 2.0], start=1):
        now = now.with_kept(ValidatedStep(step, bleu, 1.0), most=3)
        kept.append([one.step for one in now.kept])
    assert kept == [[1], [1, 2], [3, 1, 2], [3, 1, 4], [3, 1, 4]]


def test_what_is_not_among_the_best_changes_nothing():
    now = Progress(metric="bleu", kept=(ValidatedStep(1, 5.0, 1.0), ValidatedStep(2, 4.0, 1.0)))
    assert now.with_kept(ValidatedStep(3, 3.0, 1.0), most=2) is now
    assert now.with_kept(ValidatedStep(3, 9.0, 1.0), most=0) is now


def test_the_number_of_epochs_counts_one_that_has_only_begun():
    assert [Progress(epoch=2, batch=batch).epochs_begun for batch in (0, 1, 5)] == [2, 3, 3]


def test_a_validation_is_noted_and_moves_the_plateau():
    config = TrainingConfig(plateau_factor=0.5, plateau_patience=1)
    now = Progress(step=9, without_gain=1)
    worse = now.after_validation(False, 2, config)
    assert (worse.validated_step, worse.without_gain, worse.plateau) == (9, 2, Plateau(0.5, 0))
    better = now.after_validation(True, 0, config)
    assert (better.validated_step, better.without_gain, better.plateau) == (9, 0, Plateau(1.0, 0))


def test_under_another_metric_nothing_is_best_yet():
    found = ValidatedStep(3, 1.0, 5.0)
    now = Progress(step=7, metric="bleu", without_gain=2, kept=(found,)).with_best(found)
    assert now.for_metric("bleu") is now
    fresh = now.for_metric("chrf")
    assert (fresh.metric, fresh.best, fresh.best_loss) == ("chrf", None, math.inf)
    assert (fresh.without_gain, fresh.kept, fresh.step) == (0, (), 7)
