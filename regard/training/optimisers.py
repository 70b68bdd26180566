"""The optimisers that a recipe can name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import nn, optim

from regard.config import TrainingConfig
from regard.errors import ConfigError

OPTIMISERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
}


def make_optimiser(config: TrainingConfig, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """Construct the optimiser that a recipe names. Raises ConfigError as `check_optimiser` does.

    Sources: Kingma & Ba 2015 (Adam); Loshchilov & Hutter 2019 (decoupled weight decay).
    """
    check_optimiser(config)
    optimiser = OPTIMISERS[config.optimiser]
    options = {"momentum": config.momentum} if config.optimiser == "sgd" else {}
    return optimiser(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True, **options
    )


def check_optimiser(config: TrainingConfig) -> None:
    """Raise ConfigError for an unknown optimiser, or for a momentum that it does not have or that is too large."""
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
        raise ConfigError(f"training.momentum: expected at least 0 and less than 1, got {config.momentum:g}")
