"""The learning rate at each step, as pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regard.config import TrainingConfig


@dataclass(frozen=True)
class Plateau:
    """The state of the plateau schedule: the factor on the peak rate, and the validations without improvement."""

    scale: float = 1.0
    waited: int = 0

    def after(self, gained: bool, factor: float, patience: int) -> Plateau:
        """Return the state after a validation; `patience` of them without a gain multiply the rate by `factor`."""
        if gained:
            return Plateau(self.scale, 0)
        if self.waited + 1 >= patience:
            return Plateau(self.scale * factor, 0)
        return Plateau(self.scale, self.waited + 1)


def learning_rate(
    config: TrainingConfig,
    step: int,
    total_steps: int | None,
    plateau: Plateau,
    epochs: float = 0.0,
    time_share: float = 0.0,
) -> float:
    """Return the learning rate of optimiser step `step`, counted from 1, after `epochs` of training.

    During the warm-up of w steps it rises linearly to the peak, peak · step / w; w is at most half of all steps.
    Then, by schedule: constant: peak; plateau: peak · plateau.scale; inverse_sqrt: peak · sqrt(w / step) with w at
    least 1 (Vaswani et al. 2017, section 5.3); cosine: peak · (1 + cos(π · p)) / 2 with p the share of the steps
    after the warm-up that is done, or of the time limit if that is more (Loshchilov & Hutter 2017, equation 5, one
    cycle); halving: the peak halved after `halve_after` epochs and then every `halve_every` (Luong et al. 2015,
    section 4.1: after 5 and every one; Sutskever et al. 2014, section 3.4: after 5 and every half).
    """
    peak, warmup = config.learning_rate, config.warmup_steps
    if total_steps is not None:
        warmup = min(warmup, total_steps // 2)
    if step <= warmup:
        return peak * (step / warmup)
    if config.schedule == "inverse_sqrt":
        return peak * math.sqrt(max(warmup, 1) / step)
    if config.schedule == "cosine":
        steps_share = (step - 1 - warmup) / (total_steps - warmup) if total_steps else 0.0
        done = min(max(steps_share, time_share), 1.0)
        return peak * (1 + math.cos(math.pi * done)) / 2
    if config.schedule == "halving":
        since = epochs - config.halve_after
        return peak * 0.5 ** (math.floor(since / config.halve_every) + 1 if since >= 0 else 0)
    return peak * plateau.scale if config.schedule == "plateau" else peak
