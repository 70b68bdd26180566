"""The device and precision to train with, chosen by hardware and model size, never by timing."""

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
    """The type of matrix products and why it was chosen, in words; and the kernels, None for any that suit.

    With bfloat16 the weights, their gradients and the optimiser state stay in float32 (mixed precision).
    """

    dtype: Dtype
    reason: str
    kernels: Choice | None = None

    def __str__(self) -> str:
        return f"{self.dtype} ({self.reason})" + (f", kernels {self.kernels}" if self.kernels else "")

    @property
    def backend(self) -> Backend | None:
        """The backend of the kernels, or None for any that suits."""
        return self.kernels.backend if self.kernels else None


def choose_device(name: str) -> torch.device:
    """Return the device that `training.device` names; auto is the first GPU, or the CPU without one.

    Raises ConfigError for a device that this machine does not have.
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
    available = f"{gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "no GPU that torch can use"
    raise ConfigError(
        f"training.device: {name!r} is not available (this machine has {available}); use auto, cpu or cuda:N"
    )


def choose_precision(name: str, device: torch.device, width: int, kernels: str = "auto") -> Precision:
    """Choose precision and kernels for a device and a model with recurrent states of size `width`.

    `name` and `kernels` are the recipe's `training.precision` and `training.kernels`. Raises ConfigError for
    unknown names, and for kernels that cannot run.
    """
    return replace(_choose_dtype(name, device, width), kernels=choose_backend(kernels, device))


def _choose_dtype(name: str, device: torch.device, width: int) -> Precision:
    """Choose the type of matrix products; unless `name` is auto, it decides.

    A GPU with bfloat16 units uses them. A CPU does if it has AMX-BF16 or AVX512-BF16 and `width` is at least
    CPU_BFLOAT16_WIDTH: narrower models are fast anyway, and then give the same results on every CPU.
    Reason: whole training steps under autocast against float32 (benchmarks/precision.py; AMD EPYC with
    AVX512-BF16, 2 cores, torch 2.13) were faster by 1.7 to 1.9 times at width 128, 1.8 to 2.0 at 256, 2.0 at 512.
    """
    for dtype in DTYPES:
        if name == dtype:
            return Precision(dtype, "as the recipe says")
    if name != "auto":
        raise ConfigError(f"training.precision: unknown name {name!r}; known names: auto, float32, bfloat16")
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
    """Set up Lightning Fabric for the device and threads of a recipe: placement, autocast and backward."""
    from lightning_fabric import Fabric  # takes seconds to import: only when training begins

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # we report the precision ourselves
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    return Fabric(
        accelerator=device.type,
        devices=1 if device.type == "cpu" else [device.index or 0],
        precision="bf16-mixed" if precision.dtype == "bfloat16" else "32-true",
    )
