"""Which backend runs an operation, plain or fused: decided by hardware, dtype, shape and class, never by the clock.

The plain form is always there, and the fused one answers to it. It runs in float64, under `torch.compile`, on a CPU
where numba or its OpenMP layer is missing, on a GPU where Triton is missing or cannot compile for it, on other
devices, and wherever it is forced. Fused loops are numba's on the CPU and their twins in Triton on a GPU: both take
the same arguments in the same order, numba's as arrays, Triton's as tensors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor

from regard.errors import ConfigError
from regard.kernels.compile import MISSING, array
from regard.kernels.gemm import brgemm

Backend = Literal["fused", "plain"]
BACKENDS: tuple[Backend, ...] = ("fused", "plain")
MIN_CAPABILITY = (7, 0)  # of an NVIDIA GPU that Triton compiles for


@dataclass(frozen=True)
class Choice:
    """The backend that runs where it can, and why, in words."""

    backend: Backend
    reason: str

    def __str__(self) -> str:
        return f"{self.backend} ({self.reason})"


_forced: Backend | None = None
_interpreted = False


def choose_backend(name: str, device: torch.device) -> Choice:
    """Choose the backend for a device; `name` is auto or a backend. Raises ConfigError if it is not available."""
    if name == "plain":
        return Choice("plain", "as the recipe says")
    if name not in ("auto", "fused"):
        raise ConfigError(
            f"training.kernels: unknown name {name!r}; known names: auto, {', '.join(BACKENDS)}"
        )
    missing = _missing(device)
    if missing is None:
        return Choice("fused", _fused_reason(device))
    if name == "fused":
        raise ConfigError(f"training.kernels fused: {missing}; set it to auto or plain")
    return Choice("plain", missing)


def _fused_reason(device: torch.device) -> str:
    if device.type != "cpu":
        return "compiled for this GPU by Triton"
    slower = (
        "" if brgemm.available(torch.float32) else "; torch has no micro-kernels for it, so loops are slower"
    )
    return f"compiled for this CPU by numba{slower}"


def use(backend: Backend | None) -> None:
    """Run this backend from now on, where it can run; None chooses by device and dtype."""
    global _forced
    _forced = backend


@contextmanager
def forced(backend: Backend | None) -> Iterator[None]:
    """Run this backend inside the block."""
    before = _forced
    use(backend)
    try:
        yield
    finally:
        use(before)


@contextmanager
def interpreted() -> Iterator[None]:
    """Run Triton's kernels on the CPU inside the block, by its interpreter: for tests without a GPU.

    Raises ConfigError where the interpreter is not available.
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


def why_plain(*tensors: Tensor) -> str | None:
    """Say why the plain form runs on these tensors; None if the fused one does.

    The fused form takes float32 and bfloat16, all tensors on the CPU or all on one GPU.
    """
    if _forced == "plain":
        return "plain is forced"
    if torch.compiler.is_compiling():
        return "torch.compile traces the plain form"
    for tensor in tensors:
        if tensor.dtype not in (torch.float32, torch.bfloat16):
            return f"fused kernels are for float32 and bfloat16, this is {str(tensor.dtype).removeprefix('torch.')}"
    devices = {tensor.device for tensor in tensors}
    if len(devices) > 1:
        return f"the tensors are on several devices: {', '.join(sorted(map(str, devices)))}"
    return None if _interpreted else _missing(devices.pop() if devices else torch.device("cpu"))


def fused(*tensors: Tensor) -> bool:
    """Whether the fused form runs on these tensors: `why_plain` has no reason against it."""
    if _forced == "plain" or torch.compiler.is_compiling():
        return False
    for tensor in tensors:  # called several times a step: no generator, no device object
        if not tensor.is_cpu or (tensor.dtype != torch.float32 and tensor.dtype != torch.bfloat16):
            return not tensor.is_cpu and why_plain(*tensors) is None
    if MISSING:
        return _interpreted
    torch.get_num_threads()  # the first call sets how many threads OpenMP starts from this one
    return True


def on_gpu(tensor: Tensor) -> bool:
    """Whether a fused operation on this tensor is Triton's and not numba's."""
    return tensor.is_cuda or _interpreted


def by_numba(*tensors: Tensor) -> bool:
    """Whether the fused form runs and is numba's: for operations without a twin in Triton."""
    return fused(*tensors) and not on_gpu(tensors[0])


def _missing(device: torch.device) -> str | None:
    """Say why the fused form cannot run on a device; None if it can."""
    if device.type == "cpu":
        return MISSING
    if device.type != "cuda":
        return f"fused kernels are for CPUs and CUDA GPUs, this is {device.type}"
    if _triton_is_missing():
        return "triton is not installed"
    if torch.version.cuda and torch.cuda.is_available():
        capability = torch.cuda.get_device_capability(device)
        if capability < MIN_CAPABILITY:
            return (
                f"Triton compiles for capability {'.'.join(map(str, MIN_CAPABILITY))} "
                f"or newer, this GPU has {'.'.join(map(str, capability))}"
            )
    return None


@cache
def _triton_is_missing() -> bool:
    return find_spec("triton") is None


@dataclass(frozen=True)
class Launcher:
    """Runs kernels where a tensor is: numba's on the CPU, Triton's twin of the same name on a GPU.

    `view` turns a tensor into what kernels take, `view_steps` a block into a view of each of its steps, all at once
    because that is faster. `kernel` returns the kernel to run for one of numba's. Gate activations are saved in
    `gate_dtype` where products run in bfloat16.
    """

    view: Callable[[Tensor], Any]
    view_steps: Callable[[Tensor], Sequence[Any]]
    kernel: Callable[[Any], Any]
    gate_dtype: torch.dtype

    def __call__(self, kernel: Any, *tensors: Tensor) -> None:
        """Run a kernel on tensors."""
        self.kernel(kernel)(*map(self.view, tensors))


def launcher(tensor: Tensor) -> Launcher:
    """Return the launcher for the device of a tensor; call it once before a loop over steps."""
    return _gpu_launcher() if on_gpu(tensor) else _CPU_LAUNCHER


@cache
def _gpu_launcher() -> Launcher:
    from regard.kernels.triton import TWINS  # needs triton, which a CPU need not have

    return Launcher(
        view=Tensor.detach,
        view_steps=lambda block: block.detach().unbind(0),
        kernel=lambda kernel: TWINS[kernel.__name__],
        gate_dtype=torch.float32,
    )


_CPU_LAUNCHER = Launcher(
    view=array,
    view_steps=lambda block: list(array(block)),
    kernel=lambda kernel: kernel,
    gate_dtype=torch.uint16,  # gate activations are most of what a step writes and reads again
)
