"""Averages of weights: over the steps of a run, over its best checkpoints, over finished models."""

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

NamedParameters = dict[str, Tensor]
_NOT_PARAMETERS = {"model.dropout", "model.variational"}  # settings that change no weight's shape or meaning


class MovingAverage:
    """The exponential moving average of a model's weights: d · average + (1 − d) · weights after each step.

    d is `decay`, but at the n-th step at most (1 + n) / (10 + n), so that the initial weights are soon forgotten
    (like `num_updates` in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: NamedParameters = {
            name: parameter.detach().clone() for name, parameter in model.named_parameters()
        }

    def update(self, model: nn.Module, step: int) -> None:
        """Update the average with the weights after optimiser step `step`, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in model.named_parameters():
            self.weights[name].lerp_(parameter.detach(), 1 - decay)


@contextmanager
def swapped_weights(model: nn.Module, weights: NamedParameters) -> Iterator[None]:
    """Swap the weights of a model with `weights` inside the block, and back at its end."""
    _swap(model, weights)
    try:
        yield
    finally:
        _swap(model, weights)


def mean_weights(model: nn.Module, folders: Sequence[Path]) -> NamedParameters:
    """Return the mean of the weights in some model folders, all of the same architecture as the model.

    Vaswani et al. 2017, section 6.1, average the last checkpoints; the loop averages the best ones, because those
    after the last improvement, for which patience waits, are worse. Raises ModelError if a folder's weights do not
    fit the model, which stays as it is.
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
    """Average models of the same architecture and vocabularies, such as checkpoints of a run, into a model folder.

    Returns the folder. Raises ConfigError for models that differ or a folder that is not empty, ModelError for a
    model that cannot be read.
    """
    folders, folder = [Path(model) for model in models], Path(out)
    if len(folders) < 2:
        raise ConfigError(f"expected two models or more to average, got {len(folders)}")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists: choose another --out")
    first = load_model(folders[0])
    for other in folders[1:]:
        _check_compatible(folders[0], first, other, load_model(other))
    with swapped_weights(first.model, mean_weights(first.model, folders)):
        card = ModelCard(
            name=folder.name,
            command=" ".join(["regard average", *map(str, folders), "--out", str(folder)]),
            facts={"mean of": ", ".join(map(str, folders))},
        )
        save_model(folder, first.model, first.config, first.tokenisers, card)
    return folder


def check_decay(decay: float) -> None:
    """Raise ConfigError for a decay with which an average would never change."""
    if decay >= 1:
        raise ConfigError(f"training.ema: expected at least 0 and less than 1, such as 0.999, got {decay:g}")


def _swap(model: nn.Module, weights: NamedParameters) -> None:
    for name, parameter in model.named_parameters():
        parameter.data, weights[name] = weights[name], parameter.data


def _check_compatible(first_folder: Path, first: SavedModel, folder: Path, other: SavedModel) -> None:
    """Raise ConfigError, naming the differences, for models whose weights have no meaningful mean."""
    differences = set(_differences(asdict(first.config.model), asdict(other.config.model))) - _NOT_PARAMETERS
    ours, theirs = first.tokenisers, other.tokenisers
    for side, describe_difference in (
        ("source", ours.source.describe_difference(theirs.source)),
        ("target", ours.target.describe_difference(theirs.target)),
    ):
        differences |= {f"the {side} vocabulary ({describe_difference})"} if describe_difference else set()
    if differences:
        raise ConfigError(
            f"{folder} differs from {first_folder} in {', '.join(sorted(differences))}; "
            "only models of the same architecture and vocabularies can be averaged"
        )


def _differences(one: dict[str, object], other: dict[str, object], prefix: str = "model.") -> Iterable[str]:
    """Yield the dotted keys in which two sections of a recipe differ."""
    for key, value in one.items():
        if isinstance(value, dict):
            yield from _differences(value, other[key], f"{prefix}{key}.")  # type: ignore[arg-type]
        elif value != other[key]:
            yield prefix + key
