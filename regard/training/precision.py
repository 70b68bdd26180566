"""Where a model trains and in which precision: decided by hardware and width, never by the clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.kernels import Backend, Choice, choose_backend, cpu_bfloat16_units

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Dtype = Literal["float32", "bfloat16"]
DTYPES: tuple[Dtype, ...] = ("float32", "bfloat16")
CPU_BFLOAT16_WIDTH = 256


@dataclass(frozen=True)
class Precision:
    """The type that matrix products run in, and why, in words; and the kernels, None for whichever suit.

    With bfloat16 the weights, their gradients and the optimiser stay in float32 (mixed precision).
    """

    dtype: Dtype
    reason: str
    kernels: Choice | None = None

    def __str__(self) -> str:
        return f"{self.dtype} ({self.reason})" + (f", kernels {self.kernels}" if self.kernels else "")

    @property
    def form(self) -> Backend | None:
        """The form of the kernels."""
        return self.kernels.backend if self.kernels else None


def choose_device(name: str) -> torch.device:
    """The device that `training.device` names; auto is the first GPU, or the CPU where there is none.

    Raises ConfigError for a device this machine does not have.
    """
    gpus = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda:0" if gpus else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu" or (device.type == "cuda" and (device.index or 0) < gpus):
        return device
    has = f"{gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "no GPU that torch can use"
    raise ConfigError(
        f"training.device: {name!r} is not here (this machine has {has}); use auto, cpu or cuda:N"
    )


def choose_precision(wanted: str, device: torch.device, width: int, kernels: str = "auto") -> Precision:
    """The precision and kernels for a device and a model; `kernels` as `training.kernels` says."""
    return replace(_choose_dtype(wanted, device, width), kernels=choose_backend(kernels, device))


def _choose_dtype(wanted: str, device: torch.device, width: int) -> Precision:
    """The precision for a model whose recurrent states are `width` wide; `wanted` overrules unless it is auto.

    A GPU with bfloat16 units uses them. A CPU does where it has AMX-BF16 or AVX512-BF16 and `width` is at
    least CPU_BFLOAT16_WIDTH: narrower models are quick anyway, and the same on every CPU.
    Reason: whole training steps under autocast against float32 (benchmarks/precision.py; AMD EPYC with
    AVX512-BF16, 2 cores, torch 2.13) were faster by 1.7 to 1.9 times at width 128, 1.8 to 2.0 at 256, 2.0 at 512.
    Raises ConfigError for an unknown name.
    """
    for dtype in DTYPES:
        if wanted == dtype:
            return Precision(dtype, "as the recipe says")
    if wanted != "auto":
        raise ConfigError(
            f"training.precision: unknown name {wanted!r}; known names: auto, float32, bfloat16"
        )
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bfloat16", "the GPU has units for it")
        return Precision("float32", "the GPU has no bfloat16 units")
    units = cpu_bfloat16_units()
    if units is None:
        return Precision("float32", "the CPU has no bfloat16 units")
    if width < CPU_BFLOAT16_WIDTH:
        return Precision(
            "float32", f"the CPU has {units}, but states {width} wide are narrower than {CPU_BFLOAT16_WIDTH}"
        )
    return Precision("bfloat16", f"the CPU has {units}")


def make_fabric(config: TrainingConfig, precision: Precision) -> Fabric:
    """Lightning Fabric for the device and threads of a recipe: placement, autocast, backward and clipping."""
    from lightning_fabric import Fabric  # takes seconds to import: only where something trains

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # we tell the precision ourselves
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    return Fabric(
        accelerator=device.type,
        devices=1 if device.type == "cpu" else [device.index or 0],
        precision="bf16-mixed" if precision.dtype == "bfloat16" else "32-true",
    )
