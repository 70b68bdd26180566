"""Which form of an operation runs, the plain or the fused: decided by hardware, dtype and shape, never by the clock.

The plain form is always there and is what the fused one answers to. It runs in float64, under `torch.compile`, on a
CPU where numba or its OpenMP layer is missing, on a GPU where Triton is missing or cannot compile for it, on other
devices, and wherever it is forced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from regard.errors import ConfigError
from regard.kernels import blocks, compiled

Backend = Literal["fused", "plain"]
BACKENDS: tuple[Backend, ...] = ("fused", "plain")
LEAST_CAPABILITY = (7, 0)  # of an NVIDIA GPU that Triton compiles for


@dataclass(frozen=True)
class Kernels:
    """The form that runs where it can, and why, in words."""

    form: Backend
    reason: str

    def __str__(self) -> str:
        return f"{self.form} ({self.reason})"


_forced: Backend | None = None
_interpreted = False


def choose_kernels(wanted: str, device: torch.device) -> Kernels:
    """The form for a device; `wanted` is auto or a form. Raises ConfigError for what cannot be had."""
    if wanted == "plain":
        return Kernels("plain", "as the recipe says")
    if wanted not in ("auto", "fused"):
        raise ConfigError(
            f"training.kernels: unknown name {wanted!r}; known names: auto, {', '.join(BACKENDS)}"
        )
    missing = _what_is_missing(device)
    if missing is None:
        if device.type != "cpu":
            return Kernels("fused", "compiled for this GPU by Triton")
        slower = (
            ""
            if blocks.available(torch.float32)
            else "; torch has no micro-kernels for it, so loops are slower"
        )
        return Kernels("fused", f"compiled for this CPU by numba{slower}")
    if wanted == "fused":
        raise ConfigError(f"training.kernels fused: {missing}; set it to auto or plain")
    return Kernels("plain", missing)


def use(form: Backend | None) -> None:
    """From now on run this form where it can; None: whichever suits."""
    global _forced
    _forced = form


@contextmanager
def forced(form: Backend | None) -> Iterator[None]:
    """Run this form inside the block."""
    before = _forced
    use(form)
    try:
        yield
    finally:
        use(before)


@contextmanager
def interpreted() -> Iterator[None]:
    """Inside, fused means Triton's kernels on the CPU too, run by its interpreter: for tests without a GPU.

    Raises ConfigError where that cannot be.
    """
    global _interpreted
    if os.environ.get("TRITON_INTERPRET") != "1" or _triton_is_missing():
        raise ConfigError(
            "kernels: Triton's interpreter needs triton, and TRITON_INTERPRET=1 set before Python starts"
        )
    before, _interpreted = _interpreted, True
    try:
        yield
    finally:
        _interpreted = before


def fused(*tensors: Tensor) -> bool:
    """Whether the fused form runs on these tensors: float32 or bfloat16, all on the CPU or all on a GPU."""
    if _forced == "plain" or torch.compiler.is_compiling():
        return False
    for tensor in tensors:  # asked several times a step: no generator, no device object
        if not tensor.is_cpu or (tensor.dtype != torch.float32 and tensor.dtype != torch.bfloat16):
            return _fused_on_gpu(tensors)
    if compiled.MISSING:
        return _interpreted
    compiled.match_threads()
    return True


def on_gpu(tensor: Tensor) -> bool:
    """Whether a fused operation on this tensor is Triton's and not numba's."""
    return tensor.is_cuda or _interpreted


def by_numba(*tensors: Tensor) -> bool:
    """Whether the fused form runs and is numba's: for what has no twin in Triton."""
    return fused(*tensors) and not on_gpu(tensors[0])


def _fused_on_gpu(tensors: tuple[Tensor, ...]) -> bool:
    if not all(t.is_cuda and t.dtype in (torch.float32, torch.bfloat16) for t in tensors):
        return False
    return _what_is_missing(tensors[0].device) is None


def _what_is_missing(device: torch.device) -> str | None:
    if device.type == "cpu":
        return compiled.MISSING
    if device.type != "cuda":
        return f"fused kernels are for CPUs and CUDA GPUs, this is {device.type}"
    if _triton_is_missing():
        return "triton is not installed"
    if torch.version.cuda and torch.cuda.is_available():
        capability = torch.cuda.get_device_capability(device)
        if capability < LEAST_CAPABILITY:
            return (
                f"Triton compiles for capability {'.'.join(map(str, LEAST_CAPABILITY))} "
                f"or newer, this GPU has {'.'.join(map(str, capability))}"
            )
    return None


@cache
def _triton_is_missing() -> bool:
    return find_spec("triton") is None


def cpu_bfloat16_units() -> str | None:
    """The CPU's instructions for bfloat16 products, AMX-BF16 or AVX512-BF16; None where it has neither."""
    if torch.cpu._is_amx_tile_supported():
        return "AMX-BF16"
    return "AVX512-BF16" if torch.cpu._is_avx512_bf16_supported() else None
