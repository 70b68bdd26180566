from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from regard.training import StepReport, ValidationReport, ValidationResult
from regard.training.attention_statistics import attention_statistics
from regard.training.watchers import Health, diagnose

T, S = 8, 10
HEALTHY = ValidationResult(loss=1.0, accuracy=0.7, bleu=20.0, chrf=40.0)


def peaks(positions, sharpness=0.9):
    """Rows with most weight on these positions, the rest spread evenly."""
    weights = np.full((len(positions), S), (1 - sharpness) / (S - 1))
    weights[np.arange(len(positions)), positions] = sharpness
    return weights


DIAGONAL = peaks(range(T))
CONSTRUCTED = {
    "stuck on the end of the sentence": peaks([S - 1] * T),
    "uniform": np.full((T, S), 1 / S),
    "stuck on one position": peaks([3] * T),
    "empty rows": DIAGONAL * (np.arange(T) > 0)[:, None],
}


def judged(weights, valid=None):
    return replace(HEALTHY, attention=attention_statistics([weights] * 3, valid))


def names(result):
    return [finding.name for finding in diagnose(result)]


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_each_construction_is_named_alone_with_cause_and_remedy(name):
    (finding,) = diagnose(judged(CONSTRUCTED[name]))
    assert finding.name == name
    assert finding.cause
    assert finding.remedy


@pytest.mark.parametrize(
    "healthy",
    [DIAGONAL, peaks(range(T), 0.4), peaks([0, 2, 1, 7, 6, 5, 4, 9]), peaks([0, 1, 1, 2, 2, 3, 9, 9])],
)
def test_a_healthy_attention_has_no_findings(healthy):
    assert names(judged(healthy)) == []
    assert names(HEALTHY) == []  # nor a model without attention


def test_weight_on_padding_is_leaking():
    valid = [np.arange(S) < 8] * 3
    sealed = np.where(valid[0], DIAGONAL, 0)
    assert names(judged(sealed, valid)) == []
    leaking = judged(DIAGONAL, valid)
    assert names(leaking) == ["weight on padding"]
    assert leaking.attention.on_invalid == pytest.approx(2 * 0.1 / 9)  # two padded positions of 0.1 / 9 each


@pytest.mark.parametrize("sign", [{"loss": 0.01}, {"accuracy": 0.999}])
def test_knowing_the_answer_but_not_how_to_translate_is_leaking(sign):
    assert names(replace(HEALTHY, bleu=0.3, **sign)) == ["sees the answer"]
    assert names(replace(HEALTHY, bleu=95.0, **sign)) == []
    assert (
        names(replace(HEALTHY, bleu=0.0, exact_match=90.0, **sign)) == []
    )  # outputs of one word have no BLEU


def test_statistics_by_hand():
    # three positions; row 1 all on the first, row 2 half on the middle and half on the end
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    found = attention_statistics([weights])
    assert found.num_rows == 2
    assert found.on_end == 0.25
    assert found.on_first == 0.5
    assert found.entropy == pytest.approx(np.log(2) / np.log(3) / 2)
    assert found.diversity == 1.0
    assert found.diagonal_distance == pytest.approx(0.25)  # row 2 should be at the end, is half-way
    assert found.change == pytest.approx(1.0)
    assert (found.on_invalid, found.empty_rows) == (0.0, 0.0)


def test_no_rows_no_statistics_and_tiny_sentences_are_not_judged():
    assert attention_statistics([]) is None
    assert attention_statistics([np.zeros((0, 4))]) is None
    found = attention_statistics([np.full((5, 2), 0.5)])
    assert found.num_rows == 0
    assert diagnose(replace(HEALTHY, attention=found)) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(3, 9), st.integers(0, 4))
def test_padding_changes_no_statistic(seed, rows, columns, padding):
    weights = np.random.default_rng(seed).dirichlet(np.ones(columns), rows)
    padded = np.pad(weights, ((0, 0), (0, padding)))
    valid = np.arange(columns + padding) < columns
    assert attention_statistics([padded], [valid]) == attention_statistics([weights])


def said(results, losses, **options):
    """What the watcher prints over validations, one step before each."""
    console = Console(file=io.StringIO(), width=1000)
    health = Health(console, **options)
    for number, (result, loss) in enumerate(zip(results, losses, strict=True), start=1):
        health.on_step(StepReport(number, 1, loss, 1, 1.0, 0.1, 1.0, True, 0, None))
        health.on_validation(ValidationReport(number, 1, result, "bleu", True, 0.0, 1, 0, 0.0))
    return console.file.getvalue().splitlines()


UNIFORM = judged(CONSTRUCTED["uniform"])


def test_an_untrained_attention_raises_no_alarm():
    assert said([UNIFORM] * 3, [5.0, 4.9, 4.8]) == []


def test_a_trained_one_does_once_until_it_goes_away():
    (line,) = said([UNIFORM] * 3, [5.0, 3.0, 2.0])
    assert line.startswith("attention health: uniform. Likely cause: scores hardly differ")
    assert "Try: a higher learning_rate" in line
    healthy = judged(DIAGONAL)
    assert len(said([UNIFORM, UNIFORM, healthy, UNIFORM], [5.0, 3.0, 2.0, 2.0])) == 2


def test_a_loss_that_never_falls_is_no_excuse():
    assert len(said([UNIFORM] * 5, [5.0] * 5)) == 1


def test_what_no_training_mends_is_told_at_once():
    assert len(said([judged(CONSTRUCTED["empty rows"])], [5.0])) == 1


def test_what_is_expected_is_not_told():
    assert said([UNIFORM] * 5, [5.0] * 5, expected=["uniform"]) == []
