"""The training state in `runs/NAME/last/`: everything a resumed run needs to go on bit for bit.

    last/
        state.json                 step, place in the epoch plan, schedule, best value, patience, tokens seen
        model.safetensors          the last weights
        optimiser.safetensors      the moments and moving averages by parameter, the states of the random generators

Written by one `atomic_update`, and without pickle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
from regard.training.schedule import Plateau

STATE_VERSION = 1
STATE = "state.json"
OPTIMISER = "optimiser.safetensors"
_AVERAGE = "average"


@dataclass(frozen=True)
class Validated:
    """A step at which the model was validated, the value of the metric then, and the loss."""

    step: int
    value: float
    loss: float


@dataclass(frozen=True)
class Progress:
    """Where a run stands, in plain numbers.

    `batch` is the next batch of the plan of `epoch` (from 0); `validated_step` the step of the last validation,
    `averaged_step` of the last averaging; `best` the best value of `metric`, `best_loss` the loss then;
    `without_gain` validations since; `split` batches that did not fit in memory; `seconds` spent on steps,
    `elapsed_s` on everything; `kept` the best checkpoints, the best first.
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
    kept: tuple[Validated, ...] = ()


@dataclass(frozen=True)
class SavedState:
    """What `state.json` says: progress, precision and kernels, and the settings that fixed the epoch plans."""

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
    """What `state.json` says. Raises ModelError where there is none, or one of another version."""
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
        progress["kept"] = tuple(Validated(**kept) for kept in progress.get("kept", ()))
        return SavedState(Progress(**progress), content["precision"], content["plan"], content.get("kernels"))
    except (KeyError, TypeError) as error:
        raise ModelError(f"{file}: broken training state ({error}); start anew with --overwrite") from None


def restore(
    folder: Path,
    model: nn.Module,
    optimiser: optim.Optimizer,
    average: dict[str, Tensor] | None = None,
) -> None:
    """Put back weights, moments and random generators. Raises ModelError if they do not fit the model.

    `average` is filled with the saved moving averages, or with the weights where none were saved.
    """
    read_weights(model, committed_file(folder, WEIGHTS))
    tensors = _load_tensors(committed_file(folder, OPTIMISER))
    _put_back_random_states(tensors)
    names = {name: index for index, (name, _) in enumerate(model.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        if kind not in ("random", _AVERAGE) and name in names:
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
    """Raise ConfigError if a setting that fixes the order of training differs from the interrupted run's."""
    for name, value in now.items():
        if saved.get(name) != value:
            raise ConfigError(
                f"{folder}: was trained with {name} = {saved.get(name)}, but now it is {value}; "
                "resume with the same recipe and data, or start a new run in another folder"
            )


def _moments(model: nn.Module, optimiser: optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors as `kind/parameter name`; the optimiser must hold the model's parameters in order."""
    names = [name for name, _ in model.named_parameters()]
    state: Mapping[int, Mapping[str, Tensor]] = optimiser.state_dict()["state"]
    return {f"{kind}/{names[i]}": t.contiguous() for i, part in state.items() for kind, t in part.items()}


def _random_states() -> dict[str, Tensor]:
    states = {"random/cpu": torch.get_rng_state()}
    for index in range(torch.cuda.device_count()):
        states[f"random/cuda:{index}"] = torch.cuda.get_rng_state(index)
    return states


def _put_back_random_states(tensors: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(tensors["random/cpu"])
    for index in range(torch.cuda.device_count()):
        if f"random/cuda:{index}" in tensors:
            torch.cuda.set_rng_state(tensors[f"random/cuda:{index}"], index)
