"""The learning rate at each step, as pure functions, and the optimisers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn, optim

from regard.config import TrainingConfig
from regard.errors import ConfigError

OPTIMISERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
}


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


def learning_rate(
    config: TrainingConfig,
    step: int,
    total_steps: int | None,
    plateau: Plateau,
    epochs: float = 0.0,
    time_share: float = 0.0,
) -> float:
    """The rate of optimiser step number `step`, counted from 1; `epochs` of training lie behind.

    It climbs linearly to the peak in the warm-up of w steps, peak · step / w; w is at most half of all steps. Then
    constant: peak; plateau: peak · plateau.scale; inverse_sqrt: peak · sqrt(w / step) (Vaswani et al. 2017,
    section 5.3, w at least 1); cosine: peak · (1 + cos(π · p)) / 2 with p the share of the remaining steps that
    lie behind, or of the time allowed if that is more (Loshchilov & Hutter 2017, equation 5, one cycle);
    halving: peak halved once `halve_after` epochs lie behind and then every `halve_every` (Luong et al. 2015,
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
        steps_share = (step - 1 - warmup) / max(total_steps - warmup, 1) if total_steps else 0.0
        behind = min(max(steps_share, time_share), 1.0)
        return peak * (1 + math.cos(math.pi * behind)) / 2
    if config.schedule == "halving":
        since = epochs - config.halve_after
        return peak * 0.5 ** (math.floor(since / config.halve_every) + 1 if since >= 0 else 0)
    return peak * plateau.scale if config.schedule == "plateau" else peak


def total_steps(config: TrainingConfig, steps_per_epoch: int) -> int | None:
    """How many optimiser steps the run may take: the smaller of its two limits, None where neither is set."""
    limits = [config.max_steps] if config.max_steps else []
    if config.epochs:
        limits.append(config.epochs * steps_per_epoch)
    return min(limits, default=None)


def check_ending(config: TrainingConfig) -> None:
    """Raise ConfigError for a training that nothing would end, or a schedule that cannot be followed."""
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


def make_optimiser(config: TrainingConfig, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """The optimiser a recipe names. Kingma & Ba 2015; Loshchilov & Hutter 2019 for the decoupled decay.

    Raises ConfigError as `check_optimiser` does.
    """
    check_optimiser(config)
    chosen = OPTIMISERS[config.optimiser]
    more = {"momentum": config.momentum} if config.optimiser == "sgd" else {}
    return chosen(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True, **more)


def check_optimiser(config: TrainingConfig) -> None:
    """Raise ConfigError for an optimiser of unknown name, or one that does not have what is asked of it."""
    if config.optimiser not in OPTIMISERS:
        raise ConfigError(
            f"training.optimiser: unknown name {config.optimiser!r}; known names: {', '.join(OPTIMISERS)}"
        )
    if config.momentum and config.optimiser != "sgd":
        raise ConfigError(
            f"training.momentum {config.momentum:g}: {config.optimiser} does not have it, only sgd; "
            "leave it at 0 or choose sgd"
        )
    if config.momentum >= 1:
        raise ConfigError(f"training.momentum: expected a share from 0 to below 1, got {config.momentum:g}")
