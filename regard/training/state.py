"""The training state in `runs/NAME/last/`: everything a resumed run needs to continue bit for bit.

    last/
        state.json                 step, position in the epoch plan, schedule, best value, patience, tokens seen
        model.safetensors          the last weights
        optimiser.safetensors      moments and moving averages by parameter, and the states of the random generators

Written by one `atomic_update`, and without pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from safetensors.torch import save_model as save_weights
from torch import Tensor, nn, optim

from regard.atomic_writes import atomic_update, committed_file
from regard.checkpoint import WEIGHTS, read_weights
from regard.errors import ConfigError, ModelError
from regard.kernels import Backend
from regard.training.precision import Dtype
from regard.training.progress import Progress, ValidatedStep
from regard.training.schedule import Plateau

STATE_VERSION = 1
STATE = "state.json"
OPTIMISER = "optimiser.safetensors"
_AVERAGE = "average"


@dataclass(frozen=True)
class SavedState:
    """The contents of `state.json`: progress, precision and kernels, and the settings that fix the epoch plans."""

    progress: Progress
    precision: Dtype
    plan: Mapping[str, int | str]
    kernels: Backend | None = None


def save_state(
    folder: Path,
    state: SavedState,
    model: nn.Module,
    optimiser: optim.Optimizer,
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the training state, whole or not at all; `average` are moving averages of the weights by name."""
    averages = {f"{_AVERAGE}/{name}": tensor for name, tensor in (average or {}).items()}
    with atomic_update(folder) as draft:
        save_weights(model, str(draft / WEIGHTS))
        save_file(_moments(model, optimiser) | averages | _random_states(), draft / OPTIMISER)
        content = {"version": STATE_VERSION, **asdict(state)}
        (draft / STATE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_state(folder: Path) -> SavedState:
    """Read `state.json`. Raises ModelError if there is none, or if it is broken or of another version."""
    file = committed_file(folder, STATE)
    if not file.is_file():
        raise ModelError(f"{folder}: nothing to resume, there is no {STATE}; start anew with --overwrite")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        found = content.pop("version")
    except (ValueError, KeyError):
        raise ModelError(f"{file}: broken training state; start anew with --overwrite") from None
    if found != STATE_VERSION:
        raise ModelError(
            f"{file}: training state of version {found}, expected {STATE_VERSION}; "
            "resume with the regard that wrote it"
        )
    try:
        progress = content["progress"]
        progress["plateau"] = Plateau(**progress["plateau"])
        progress["kept"] = tuple(ValidatedStep(**kept) for kept in progress.get("kept", ()))
        return SavedState(Progress(**progress), content["precision"], content["plan"], content.get("kernels"))
    except (KeyError, TypeError) as error:
        raise ModelError(f"{file}: broken training state ({error}); start anew with --overwrite") from None


def restore(
    folder: Path,
    model: nn.Module,
    optimiser: optim.Optimizer,
    average: dict[str, Tensor] | None = None,
) -> None:
    """Restore weights, moments and random generators. Raises ModelError if they do not fit the model.

    `average` is filled with the saved moving averages, or with the weights if none were saved.
    """
    read_weights(model, committed_file(folder, WEIGHTS))
    tensors = _load_tensors(committed_file(folder, OPTIMISER))
    _restore_random_states(tensors)
    names = {name: index for index, (name, _) in enumerate(model.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        if kind != _AVERAGE and name in names:  # "random/cpu" names no parameter
            state.setdefault(names[name], {})[kind] = tensor
    if average is not None:
        for name, parameter in model.named_parameters():
            average[name].copy_(tensors.get(f"{_AVERAGE}/{name}", parameter.detach()))
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _load_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file}: broken training state ({error}); start anew with --overwrite") from None


def check_plan(folder: Path, saved: Mapping[str, int | str], now: Mapping[str, int | str]) -> None:
    """Raise ConfigError if a setting that determines the order of training differs from the interrupted run's."""
    for name, value in now.items():
        if saved.get(name) != value:
            raise ConfigError(
                f"{folder}: was trained with {name} = {saved.get(name)}, but now it is {value}; "
                "resume with the same recipe and data, or start a new run in another folder"
            )


def _moments(model: nn.Module, optimiser: optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's tensors as `kind/parameter name`; it must hold the model's parameters in their order."""
    names = [name for name, _ in model.named_parameters()]
    state: Mapping[int, Mapping[str, Tensor]] = optimiser.state_dict()["state"]
    return {f"{kind}/{names[i]}": t.contiguous() for i, part in state.items() for kind, t in part.items()}


def _random_states() -> dict[str, Tensor]:
    states = {"random/cpu": torch.get_rng_state()}
    for index in range(torch.cuda.device_count()):
        states[f"random/cuda:{index}"] = torch.cuda.get_rng_state(index)
    return states


def _restore_random_states(tensors: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(tensors["random/cpu"])
    for index in range(torch.cuda.device_count()):
        if f"random/cuda:{index}" in tensors:
            torch.cuda.set_rng_state(tensors[f"random/cuda:{index}"], index)
