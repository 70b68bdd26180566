"""Diagnosis of the attention from its statistics: each finding names the likely cause and what to try."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.training.reports import AttentionStatistics, StepReport, ValidationReport, ValidationResult
from regard.training.watchers.base import Watcher
from regard.training.watchers.terminal import print_plain

if TYPE_CHECKING:
    from rich.console import Console

LEARNT_SHARE = 0.9  # attention is diagnosed once the loss has fallen below this share of the first step's
PATIENCE = 4  # or at this validation at the latest


@dataclass(frozen=True)
class Finding:
    """A symptom, its likely cause and what to try; `certain` if further training cannot remove it."""

    name: str
    cause: str
    remedy: str
    certain: bool = False


def diagnose(result: ValidationResult) -> list[Finding]:
    """Return what looks wrong in a validation, the most certain first; an empty list for a healthy model."""
    findings = [finding for finding, applies in _RESULT_FINDINGS if applies(result)]
    if result.attention is not None:
        findings += [finding for finding, applies in _ATTENTION_FINDINGS if applies(result.attention)]
    return findings


class Health(Watcher):
    """Prints the findings of `diagnose` with cause and remedy, each once until it goes away.

    Untrained attention is often uniform or stuck, which means nothing, so all but the certain findings wait until
    the loss has fallen by a tenth, or for the fourth validation. Findings named in `expected` are not printed.
    """

    def __init__(self, console: Console, expected: Collection[str] = ()) -> None:
        self._console = console
        self._expected = frozenset(expected)
        self._first_loss: float | None = None
        self._loss = float("inf")
        self._validations = 0
        self._printed: set[str] = set()

    def on_step(self, report: StepReport) -> None:
        """Record how far the loss has fallen."""
        self._loss = report.loss
        if self._first_loss is None:
            self._first_loss = report.loss

    def on_validation(self, report: ValidationReport) -> None:
        """Print the findings that are new."""
        self._validations += 1
        learnt = self._first_loss is not None and self._loss < LEARNT_SHARE * self._first_loss
        ready = (learnt and self._validations > 1) or self._validations >= PATIENCE
        findings = [f for f in diagnose(report.result) if ready or f.certain]
        findings = [f for f in findings if f.name not in self._expected]
        for finding in findings:
            if finding.name not in self._printed:
                print_plain(self._console, finding_line(finding))
        self._printed = {finding.name for finding in findings}


def finding_line(finding: Finding) -> str:
    """Describe a finding on one line."""
    return f"attention health: {finding.name}. Likely cause: {finding.cause}. Try: {finding.remedy}."


_RESULT_FINDINGS: list[tuple[Finding, Callable[[ValidationResult], bool]]] = [
    (
        Finding(
            "sees the answer",
            "in training the decoder receives the very token it must predict: teacher-forced, nearly every "
            "prediction is right, yet its own translations are worthless",
            "shift the target by one (`batch.previous`), and look for a path from a target token to its own logits",
        ),
        lambda r: (r.loss < 0.05 or r.accuracy > 0.98) and r.bleu < 2 and not r.exact_match > 2,
    ),
]

_ATTENTION_FINDINGS: list[tuple[Finding, Callable[[AttentionStatistics], bool]]] = [
    (
        Finding(
            "weight on padding",
            "scores of padding are not masked before they are normalised",
            "set scores to minus infinity where `memory.valid` is False, and check that `valid` reaches attention",
            certain=True,
        ),
        lambda a: a.on_invalid > 0,
    ),
    (
        Finding(
            "empty rows",
            "some output tokens attend to no position at all: the normaliser underflows, its window lies outside the "
            "sentence, or `valid` is all False",
            "check `valid`, raise model.attention.temperature, or widen the window",
            certain=True,
        ),
        lambda a: a.empty_rows > 0,
    ),
    (
        Finding(
            "stuck on the end of the sentence",
            "the last encoder state already holds what the decoder needs, so the gradient never rewards attending "
            "elsewhere; often because of a bridge that copies it, or too little data",
            "model.decoder.bridge mean or zero, a bidirectional encoder, more warmup_steps, more or longer pairs",
        ),
        lambda a: a.num_rows > 0 and a.on_end > 0.8,
    ),
    (
        Finding(
            "uniform",
            "scores hardly differ between positions: the score function has not learnt, its inputs are too small, or "
            "the temperature is too high",
            "a higher learning_rate or longer training, a lower model.attention.temperature, or another score "
            "(additive, general)",
        ),
        lambda a: a.num_rows > 0 and a.entropy > 0.95,
    ),
    (
        Finding(
            "stuck on one position",
            "every output token attends most to the same position, so attention acts as one fixed vector; often "
            "because scores grew too large too early",
            "longer training, if it has just begun; a lower learning_rate or more warmup_steps, a smaller clip_norm, "
            "model.attention.temperature above 1; scaled_dot in place of dot",
        ),
        lambda a: a.num_rows > 0 and a.entropy <= 0.95 and a.on_end <= 0.8 and a.change < 0.1,
    ),
]
