"""What training reports to its watchers: plain records, no torch.

Losses are in nats per target token, other metrics in percent (BLEU and chrF from 0 to 100), times in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


def perplexity(loss: float) -> float:
    """Return the perplexity of a loss in nats per token, exp(loss); infinity if that is too large for a float."""
    return math.exp(loss) if loss < 700 else math.inf


@dataclass(frozen=True)
class AttentionStatistics:
    """How attention weights are spread in some sentences; every mean is over output tokens.

    on_end: mean weight on the source's end-of-sentence; on_first: on its first token.
    entropy: mean entropy of a row divided by log S, from 0 (one position) to 1 (uniform).
    diversity: number of distinct most-attended positions of a sentence over min(T, S); diagonal_distance: mean
    distance of the most-attended position from the diagonal, as a share of the sentence.
    change: mean total variation distance between a row and the next, 0 if all rows are equal.
    on_invalid: the largest weight that any row puts on padding; empty_rows: share of rows that are all zero.
    """

    num_rows: int
    on_end: float
    on_first: float
    entropy: float
    diversity: float
    diagonal_distance: float
    change: float
    on_invalid: float
    empty_rows: float


@dataclass(frozen=True)
class Sample:
    """One decoded validation sentence; `word_links` are pairs (output word, source word it attends to most)."""

    source: str
    reference: str
    output: str
    word_links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ValidationResult:
    """The metrics of a validation.

    `loss` and `accuracy` (share of target tokens predicted correctly) are teacher-forced; the others are of decoded
    text, NaN if they were not measured. `attention` is None for a model without attention.
    """

    loss: float
    accuracy: float
    bleu: float
    chrf: float
    exact_match: float = math.nan
    wer: float = math.nan
    cer: float = math.nan
    samples: tuple[Sample, ...] = ()
    attention: AttentionStatistics | None = None

    def value(self, metric: str) -> float:
        """Return the metric of this name; `per` is the word error rate of text whose words are phonemes."""
        return float(getattr(self, "wer" if metric == "per" else metric))


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run when it starts. `total_steps` is None if only patience or time ends it.

    `first_step` is the number of steps already taken: 0 unless the run is resumed. `step_by_step` names the loops
    that do not run as one operation although kernels do, with the reason.
    """

    num_pairs: int
    num_parameters: int
    batches_per_epoch: int
    steps_per_epoch: int
    total_steps: int | None
    first_step: int
    num_ranks: int
    device: str
    precision: str
    metric: str
    step_by_step: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepReport:
    """One optimiser step. `gradient_norm` is before clipping; `remaining_s` is None if no end is set.

    `skipped` counts the steps since the beginning that were skipped because a gradient was not finite; `applied` is
    False if this one was. `split` counts the batches since the beginning that did not fit in memory and were
    processed in parts. `epoch` counts from 1.
    """

    step: int
    epoch: int
    loss: float
    tokens: int
    tokens_per_s: float
    learning_rate: float
    gradient_norm: float
    applied: bool
    skipped: int
    remaining_s: float | None
    split: int = 0


@dataclass(frozen=True)
class ValidationReport:
    """One validation: its result, whether it is the best so far by `metric`, and how many passed without a gain.

    `averaged` is 0 for the model in training, else the number of checkpoints whose mean was validated, at the end.
    """

    step: int
    epoch: int
    result: ValidationResult
    metric: str
    is_best: bool
    best: float
    best_step: int
    without_gain: int
    seconds: float
    averaged: int = 0


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended: `reason` in words; `interrupted` if a signal ended it early.

    `best` is the best value of the metric, None if the run ended before its first validation. `last` is the
    folder that a resumed run reads. `split` batches did not fit in memory and were processed in parts.
    """

    reason: str
    interrupted: bool
    step: int
    epoch: int
    tokens_seen: int
    skipped: int
    seconds: float
    best: float | None
    best_step: int
    last: Path
    split: int = 0
