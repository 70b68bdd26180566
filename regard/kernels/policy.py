"""Which form of an operation runs, the plain or the fused: decided by hardware, dtype and shape, never by the clock.

The plain form is always there and is what the fused one answers to. It runs on devices other than the CPU, in
float64, under `torch.compile`, where numba or its OpenMP layer is missing, and wherever it is forced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from regard.errors import ConfigError
from regard.kernels import compiled

Form = Literal["fused", "plain"]
FORMS: tuple[Form, ...] = ("fused", "plain")


@dataclass(frozen=True)
class Kernels:
    """The form that runs where it can, and why, in words."""

    form: Form
    reason: str

    def __str__(self) -> str:
        return f"{self.form} ({self.reason})"


_forced: Form | None = None


def choose_kernels(wanted: str, device: torch.device) -> Kernels:
    """The form for a device; `wanted` is auto or a form. Raises ConfigError for what cannot be had."""
    if wanted == "plain":
        return Kernels("plain", "as the recipe says")
    if wanted not in ("auto", "fused"):
        raise ConfigError(f"training.kernels: unknown name {wanted!r}; known names: auto, {', '.join(FORMS)}")
    missing = _what_is_missing(device)
    if missing is None:
        return Kernels("fused", "compiled for this CPU by numba")
    if wanted == "fused":
        raise ConfigError(f"training.kernels fused: {missing}; set it to auto or plain")
    return Kernels("plain", missing)


def use(form: Form | None) -> None:
    """From now on run this form where it can; None: whichever suits."""
    global _forced
    _forced = form


@contextmanager
def forced(form: Form | None) -> Iterator[None]:
    """Run this form inside the block."""
    before = _forced
    use(form)
    try:
        yield
    finally:
        use(before)


def fused(*tensors: Tensor) -> bool:
    """Whether the fused form runs on these tensors: float32 or bfloat16 on the CPU."""
    if _forced == "plain" or not compiled.AVAILABLE or torch.compiler.is_compiling():
        return False
    if not all(t.device.type == "cpu" and t.dtype in (torch.float32, torch.bfloat16) for t in tensors):
        return False
    compiled.match_threads()
    return True


def _what_is_missing(device: torch.device) -> str | None:
    if device.type != "cpu":
        return f"fused kernels are for the CPU, this is {device.type}"
    return None if compiled.AVAILABLE else "numba or its OpenMP layer is not installed"


def cpu_bfloat16_units() -> str | None:
    """The CPU's instructions for bfloat16 products, AMX-BF16 or AVX512-BF16; None where it has neither."""
    if torch.cpu._is_amx_tile_supported():
        return "AMX-BF16"
    return "AVX512-BF16" if torch.cpu._is_avx512_bf16_supported() else None
