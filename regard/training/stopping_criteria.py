"""When a run validates and when it ends, as the recipe says."""

from __future__ import annotations

import time

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.training.progress import Progress


class Stopwatch:
    """The time that a run has taken, over all its parts if it was resumed, and how much of the time limit that is."""

    def __init__(self, max_minutes: float, elapsed_s: float = 0.0) -> None:
        self._limit_s = 60 * max_minutes
        self._started_s = time.monotonic() - elapsed_s

    def elapsed_s(self) -> float:
        """Return the seconds taken so far."""
        return time.monotonic() - self._started_s

    def share(self) -> float:
        """Return the share of the limit that is used up, 0 without a limit."""
        return self.elapsed_s() / self._limit_s if self._limit_s else 0.0

    def remaining_s(self) -> float | None:
        """Return the seconds left, None without a limit."""
        return max(self._limit_s - self.elapsed_s(), 0.0) if self._limit_s else None


def total_steps(config: TrainingConfig, steps_per_epoch: int) -> int | None:
    """Return the largest number of optimiser steps, the smaller of the recipe's two limits; None without one."""
    limits = [config.max_steps] if config.max_steps else []
    if config.epochs:
        limits.append(config.epochs * steps_per_epoch)
    return min(limits, default=None)


def check_stopping(config: TrainingConfig) -> None:
    """Raise ConfigError for a recipe that never ends, or whose schedule cannot be followed."""
    if config.schedule == "halving" and not config.halve_every:
        raise ConfigError("training.halve_every: expected more than 0 epochs, got 0")
    if config.epochs or config.max_steps or config.max_minutes:
        return
    if not config.patience:
        raise ConfigError(
            "training: nothing ends this run (epochs, max_steps, max_minutes and patience are all 0); "
            "set one of them"
        )
    if config.schedule == "cosine":
        raise ConfigError(
            "training.schedule: cosine needs to know the end, but epochs, max_steps and max_minutes are all 0; "
            "set one of them or choose another schedule"
        )


def stop_reason(config: TrainingConfig, now: Progress, time_share: float) -> str | None:
    """Return why the recipe ends the run here, in words, or None if it does not."""
    if config.max_steps and now.step >= config.max_steps:
        return f"reached max_steps = {config.max_steps}"
    if config.epochs and now.epoch >= config.epochs:
        return f"finished {config.epochs} epoch{'s' if config.epochs > 1 else ''}"
    if config.max_minutes and time_share >= 1:
        return f"reached max_minutes = {config.max_minutes:g}"
    if config.patience and now.without_gain >= config.patience:
        return f"{config.metric} has not improved in {now.without_gain} validations"
    return None


def validation_is_due(config: TrainingConfig, now: Progress, time_share: float) -> bool:
    """Whether to validate: every `validate_every` steps or after an epoch, and at the end of the run; once a step."""
    if now.step == now.validated_step:
        return False
    every = config.validate_every
    regular = now.step % every == 0 if every else now.batch == 0
    return regular or stop_reason(config, now, time_share) is not None
