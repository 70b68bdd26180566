"""Means of weights: over the steps while a run goes on, over its best checkpoints, over finished models."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from regard.atomic_writes import committed_file
from regard.checkpoint import WEIGHTS, ModelCard, SavedModel, load_model, read_weights, save_model
from regard.errors import ConfigError

Weights = dict[str, Tensor]
_NOT_OF_THE_BUILD = {"model.dropout", "model.variational"}


class MovingAverage:
    """The exponential moving average of a model's weights: d · average + (1 − d) · weights after each step.

    d is `decay`, but at the n-th step at most (1 + n) / (10 + n), so that the fresh weights are soon forgotten
    (as `num_updates` does in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: Weights = {
            name: parameter.detach().clone() for name, parameter in model.named_parameters()
        }

    def update(self, model: nn.Module, number: int) -> None:
        """Take in the weights after optimiser step `number`, counted from 1."""
        decay = min(self.decay, (1 + number) / (10 + number))
        for name, parameter in model.named_parameters():
            self.weights[name].lerp_(parameter.detach(), 1 - decay)


@contextmanager
def exchanged(model: nn.Module, weights: Weights) -> Iterator[None]:
    """While entered, the model has these weights, and `weights` the model's."""
    _exchange(model, weights)
    try:
        yield
    finally:
        _exchange(model, weights)


def mean_weights(model: nn.Module, folders: Sequence[Path]) -> Weights:
    """The mean of the weights in some model folders, all of this model's build; the model stays as it is.

    Vaswani et al. 2017, section 6.1, take the last checkpoints; the loop takes the best, for after the last gain
    patience waits through worse ones. Raises ModelError where a folder's weights do not fit.
    """
    reader = copy.deepcopy(model)
    sums = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in reader.named_parameters()}
    for folder in folders:
        read_weights(reader, committed_file(folder, WEIGHTS))
        for name, parameter in reader.named_parameters():
            sums[name] += parameter.detach()
    parameters = dict(model.named_parameters())
    return {name: (total / len(folders)).to(parameters[name].dtype) for name, total in sums.items()}


def average(models: Sequence[str | Path], out: str | Path) -> Path:
    """Write the mean of some models of the same build and vocabularies, checkpoints of a run say, as a model folder.

    Gives the folder. Raises ConfigError for models that differ or a folder that is not empty, ModelError for one
    that cannot be read.
    """
    folders, folder = [Path(model) for model in models], Path(out)
    if len(folders) < 2:
        raise ConfigError(f"expected two models or more to average, got {len(folders)}")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already: choose another --out")
    first = load_model(folders[0])
    for other in folders[1:]:
        _check_same_build(folders[0], first, other, load_model(other))
    with exchanged(first.model, mean_weights(first.model, folders)):
        card = ModelCard(
            name=folder.name,
            command=" ".join(["regard average", *map(str, folders), "--out", str(folder)]),
            facts={"mean of": ", ".join(map(str, folders))},
        )
        save_model(folder, first.model, first.config, first.tokenisers, card)
    return folder


def check_decay(decay: float) -> None:
    """Raise ConfigError for a decay with which an average would never take anything in."""
    if decay >= 1:
        raise ConfigError(f"training.ema: expected a share from 0 to below 1, such as 0.999, got {decay:g}")


def _exchange(model: nn.Module, weights: Weights) -> None:
    for name, parameter in model.named_parameters():
        parameter.data, weights[name] = weights[name], parameter.data


def _check_same_build(first_folder: Path, first: SavedModel, folder: Path, other: SavedModel) -> None:
    """Means of different things mean nothing."""
    found = set(_differences(asdict(first.config.model), asdict(other.config.model))) - _NOT_OF_THE_BUILD
    ours, theirs = first.tokenisers, other.tokenisers
    for side, difference in (
        ("source", ours.source.describe_difference(theirs.source)),
        ("target", ours.target.describe_difference(theirs.target)),
    ):
        found |= {f"the {side} vocabulary ({difference})"} if difference else set()
    if found:
        raise ConfigError(
            f"{folder} differs from {first_folder} in {', '.join(sorted(found))}; "
            "only models of one build and one vocabulary have a mean"
        )


def _differences(one: dict[str, object], other: dict[str, object], inside: str = "model.") -> Iterable[str]:
    for key, value in one.items():
        if isinstance(value, dict):
            yield from _differences(value, other[key], f"{inside}{key}.")  # type: ignore[arg-type]
        elif value != other[key]:
            yield inside + key
