"""Where a run stands, in plain numbers, and how a step or a validation changes that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from regard.config import TrainingConfig
from regard.metrics import MEASURES
from regard.training.schedule import Plateau


@dataclass(frozen=True)
class ValidatedStep:
    """A step at which the model was validated: the value of the metric there, and the loss."""

    step: int
    value: float
    loss: float

    def is_better(self, other: ValidatedStep, metric: str) -> bool:
        """Whether this one is better; between equal values, such as a BLEU of 0, the loss decides."""
        if self.value == other.value:
            return self.loss < other.loss
        return MEASURES[metric].is_better(self.value, other.value)


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    `batch` is the next batch in the plan of `epoch` (from 0); `validated_step` the step of the last validation,
    `averaged_step` of the last averaging; `best` the best value of `metric`, `best_loss` the loss at that step;
    `without_gain` the validations since; `split` the batches that did not fit in memory; `seconds` the time spent
    on steps, `elapsed_s` on everything; `kept` the best checkpoints, best first.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens_seen: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    split: int = 0
    validated_step: int = 0
    averaged_step: int = 0
    metric: str = ""
    best: float | None = None
    best_loss: float = math.inf
    best_step: int = 0
    without_gain: int = 0
    plateau: Plateau = field(default_factory=Plateau)
    seconds: float = 0.0
    elapsed_s: float = 0.0
    kept: tuple[ValidatedStep, ...] = ()

    @property
    def epochs_begun(self) -> int:
        """The number of epochs that were begun, finished or not."""
        return self.epoch + (self.batch > 0)

    def is_best(self, found: ValidatedStep) -> bool:
        """Whether a validation is better than all before."""
        return self.best is None or found.is_better(
            ValidatedStep(self.best_step, self.best, self.best_loss), self.metric
        )

    def with_best(self, found: ValidatedStep) -> Progress:
        """Return the progress with a new best validation."""
        return replace(self, best=found.value, best_loss=found.loss, best_step=found.step)

    def with_kept(self, found: ValidatedStep, most: int) -> Progress:
        """Return the progress with a validation among the best checkpoints; the same if it is not of the `most` best.

        Of equals, the earlier one is better.
        """
        rank = next((i for i, k in enumerate(self.kept) if found.is_better(k, self.metric)), len(self.kept))
        if rank >= most:
            return self
        return replace(self, kept=(*self.kept[:rank], found, *self.kept[rank:])[:most])

    def after_validation(self, gained: bool, without_gain: int, config: TrainingConfig) -> Progress:
        """Return the progress after a validation at this step."""
        plateau = self.plateau.after(gained, config.plateau_factor, config.plateau_patience)
        return replace(self, validated_step=self.step, without_gain=without_gain, plateau=plateau)

    def for_metric(self, metric: str) -> Progress:
        """Return the progress for a resumed run's metric; under another one nothing is best yet."""
        if self.metric == metric:
            return self
        return replace(self, metric=metric, best=None, best_loss=math.inf, without_gain=0, kept=())
