"""Is the attention learning to look? Statistics of its weights, and what they point to.

The statistics say *that* something is wrong; each finding adds the likely cause and what to try.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from regard.training.reports import AttentionStatistics, StepReport, ValidationReport, ValidationResult
from regard.training.watchers.base import Watcher

LEARNT_SHARE = 0.9  # attention is judged once the loss has fallen below this share of the first step's
PATIENCE = 4  # or at this validation at the latest


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong, its likely cause and what to try; `certain` if no training will mend it."""

    name: str
    cause: str
    remedy: str
    certain: bool = False


def attention_statistics(
    weights: Sequence[NDArray[np.floating]],
    valid: Sequence[NDArray[np.bool_]] | None = None,
    end_column: bool = True,
) -> AttentionStatistics | None:
    """How these sentences' weights (T, S) are spread; None where there is not a single row.

    `valid` (S,) marks the real source tokens of each sentence where the matrices are padded. With `end_column`
    the last real token is end-of-sentence. Sentences with fewer than three real source tokens are left out of
    the means, for there every attention looks uniform; they still count for padding and empty rows.
    """
    masks = [np.ones(w.shape[1], bool) for w in weights] if valid is None else list(valid)
    pairs = [(np.asarray(w, np.float64), mask) for w, mask in zip(weights, masks, strict=True) if w.shape[0]]
    if not pairs:
        return None
    row_sums = np.concatenate([np.nan_to_num(w[:, mask]).sum(1) for w, mask in pairs])
    on_invalid = max(float(np.nan_to_num(np.abs(w[:, ~mask])).sum(1).max()) for w, mask in pairs)
    shapes = [_spread(np.nan_to_num(w[:, mask]), end_column) for w, mask in pairs if mask.sum() > 2]
    means = (
        np.average([s for s, _ in shapes], axis=0, weights=[n for _, n in shapes]) if shapes else np.zeros(6)
    )
    on_end, on_first, entropy, diversity, distance, change = map(float, means)
    return AttentionStatistics(
        num_rows=sum(n for _, n in shapes),
        on_end=on_end,
        on_first=on_first,
        entropy=entropy,
        diversity=diversity,
        diagonal_distance=distance,
        change=change,
        on_invalid=on_invalid,
        empty_rows=float((row_sums < 1e-6).mean()),
    )


def _spread(weights: NDArray[np.float64], end_column: bool) -> tuple[list[float], int]:
    """The six means of one sentence without padding (T, S), in the order of the record, and its rows T."""
    rows, columns = weights.shape
    most = weights.argmax(1)
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    entropy = -(weights * logs).sum(1).mean() / np.log(columns)
    diagonal = np.linspace(0, 1, rows) if rows > 1 else np.zeros(1)
    distance = np.abs(most / (columns - 1) - diagonal).mean()
    change = np.abs(np.diff(weights, axis=0)).sum(1).mean() / 2 if rows > 1 else 0.0
    on_end = weights[:, -1].mean() if end_column else 0.0
    diversity = len(set(most.tolist())) / min(rows, columns)
    return [on_end, weights[:, 0].mean(), entropy, diversity, distance, change], rows


def diagnose(result: ValidationResult) -> list[Finding]:
    """What looks wrong in a validation, most certain first; an empty list for a healthy model."""
    found = [finding for finding, holds in _ANSWER_FINDINGS if holds(result)]
    if result.attention is not None:
        found += [finding for finding, holds in _FINDINGS if holds(result.attention)]
    return found


class Health(Watcher):
    """Prints findings of `diagnose` with cause and remedy, each once until it goes away.

    An untrained attention looks uniform or stuck and means nothing by it, so all but the certain findings wait
    until the loss has fallen by a tenth, or for the fourth validation. Names in `expected` are not told.
    """

    def __init__(self, console: Console, expected: Collection[str] = ()) -> None:
        self._console = console
        self._expected = frozenset(expected)
        self._first_loss: float | None = None
        self._loss = float("inf")
        self._validations = 0
        self._told: set[str] = set()

    def on_step(self, report: StepReport) -> None:
        """Remember how far the loss has fallen."""
        self._loss = report.loss
        if self._first_loss is None:
            self._first_loss = report.loss

    def on_validation(self, report: ValidationReport) -> None:
        """Tell what is new."""
        self._validations += 1
        fallen = self._first_loss is not None and self._loss < LEARNT_SHARE * self._first_loss
        judged = (fallen and self._validations > 1) or self._validations >= PATIENCE
        found = [f for f in diagnose(report.result) if (judged or f.certain) and f.name not in self._expected]
        for finding in found:
            if finding.name not in self._told:
                self._console.print(Text(finding_line(finding)), soft_wrap=True)
        self._told = {finding.name for finding in found}


def finding_line(finding: Finding) -> str:
    """A finding in one line."""
    return f"attention health: {finding.name}. Likely cause: {finding.cause}. Try: {finding.remedy}."


_ANSWER_FINDINGS: list[tuple[Finding, Callable[[ValidationResult], bool]]] = [
    (
        Finding(
            "sees the answer",
            "when trained, the decoder is shown the very token it must predict: with the true words before it "
            "nearly every guess is right, yet its own translations are worthless",
            "shift the target by one (`batch.previous`), and look for a path from target to logits of one step",
        ),
        lambda r: (r.loss < 0.05 or r.accuracy > 0.98) and r.bleu < 2 and not r.exact_match > 2,
    ),
]

_FINDINGS: list[tuple[Finding, Callable[[AttentionStatistics], bool]]] = [
    (
        Finding(
            "weight on padding",
            "scores of padding are not cut off before they are normalised",
            "set scores to minus infinity where `memory.valid` is False, and check that `valid` reaches attention",
            certain=True,
        ),
        lambda a: a.on_invalid > 0,
    ),
    (
        Finding(
            "empty rows",
            "some output tokens look at no place at all: the normaliser underflows, its window lies outside the "
            "sentence, or `valid` is all False",
            "check `valid`, raise model.attention.temperature, or widen the window",
            certain=True,
        ),
        lambda a: a.empty_rows > 0,
    ),
    (
        Finding(
            "stuck on the end of the sentence",
            "the last encoder state already holds what the decoder needs, so the gradient never rewards looking "
            "elsewhere; often a bridge that copies it, or too little data",
            "model.decoder.bridge mean or zero, a bidirectional encoder, more warmup_steps, more or longer pairs",
        ),
        lambda a: a.num_rows > 0 and a.on_end > 0.8,
    ),
    (
        Finding(
            "uniform",
            "scores hardly differ between places: the score function has not learnt, its inputs are too small, or "
            "the temperature is too high",
            "a higher learning_rate or longer training, a lower model.attention.temperature, or another score "
            "(additive, general)",
        ),
        lambda a: a.num_rows > 0 and a.entropy > 0.95,
    ),
    (
        Finding(
            "stuck on one place",
            "every output token looks most at the same place, so attention acts as one fixed vector; often "
            "scores that grew too large too early",
            "longer training, if it has just begun; a lower learning_rate or more warmup_steps, a smaller clip_norm, "
            "model.attention.temperature above 1; of a dot score, scaled_dot",
        ),
        lambda a: a.num_rows > 0 and a.entropy <= 0.95 and a.on_end <= 0.8 and a.change < 0.1,
    ),
]
