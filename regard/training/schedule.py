"""The learning rate at each step, as pure functions, and the optimisers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn, optim

from regard.config import TrainingConfig
from regard.errors import ConfigError

OPTIMISERS: dict[str, type[optim.Adam]] = {"adam": optim.Adam, "adamw": optim.AdamW}


@dataclass(frozen=True)
class Plateau:
    """Where the plateau schedule stands: what the peak rate is multiplied by, validations without gain."""

    scale: float = 1.0
    waited: int = 0

    def after(self, gained: bool, factor: float, patience: int) -> Plateau:
        """The state after one more validation; `patience` of them without gain multiply the rate by `factor`."""
        if gained:
            return Plateau(self.scale, 0)
        if self.waited + 1 >= patience:
            return Plateau(self.scale * factor, 0)
        return Plateau(self.scale, self.waited + 1)


def learning_rate(config: TrainingConfig, step: int, total_steps: int | None, plateau: Plateau) -> float:
    """The rate of optimiser step number `step`, counted from 1.

    It climbs linearly to the peak in the warm-up of w steps, peak · step / w. Then
    constant: peak; plateau: peak · plateau.scale; inverse_sqrt: peak · sqrt(w / step) (Vaswani et al. 2017,
    section 5.3, w at least 1); cosine: peak · (1 + cos(π · p)) / 2 with p the share of the remaining steps that
    lie behind (Loshchilov & Hutter 2017, equation 5, one cycle), which needs `total_steps`.
    """
    peak, warmup = config.learning_rate, config.warmup_steps
    if step <= warmup:
        return peak * (step / warmup)
    if config.schedule == "inverse_sqrt":
        return peak * math.sqrt(max(warmup, 1) / step)
    if config.schedule == "cosine":
        assert total_steps is not None, "check_ending refuses a cosine without an end"
        behind = min((step - 1 - warmup) / max(total_steps - warmup, 1), 1.0)
        return peak * (1 + math.cos(math.pi * behind)) / 2
    return peak * plateau.scale if config.schedule == "plateau" else peak


def total_steps(config: TrainingConfig, steps_per_epoch: int) -> int | None:
    """How many optimiser steps the run may take: the smaller of its two limits, None where neither is set."""
    limits = [config.max_steps] if config.max_steps else []
    if config.epochs:
        limits.append(config.epochs * steps_per_epoch)
    return min(limits, default=None)


def check_ending(config: TrainingConfig) -> None:
    """Raise ConfigError for a training that nothing would end, or a cosine that does not know its end."""
    if config.epochs or config.max_steps:
        return
    if not config.patience:
        raise ConfigError(
            "training: nothing ends this run (epochs, max_steps and patience are all 0); set one of them"
        )
    if config.schedule == "cosine":
        raise ConfigError(
            "training.schedule: cosine needs to know the last step, but epochs and max_steps are both 0; "
            "set one of them or choose another schedule"
        )


def make_optimiser(config: TrainingConfig, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """The optimiser a recipe names. Kingma & Ba 2015; Loshchilov & Hutter 2019 for the decoupled decay.

    Raises ConfigError for an unknown name.
    """
    if config.optimiser not in OPTIMISERS:
        raise ConfigError(
            f"training.optimiser: unknown name {config.optimiser!r}; known names: {', '.join(OPTIMISERS)}"
        )
    chosen = OPTIMISERS[config.optimiser]
    return chosen(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
