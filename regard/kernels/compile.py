"""How CPU kernels are compiled by numba, and how they see tensors.

numba compiles a kernel when it is first called, for the dtypes it is called with, and keeps the machine code in a
cache: next to this file, or in its own folder (NUMBA_CACHE_DIR) where that cannot be written. Where numba is missing,
`AVAILABLE` is False, `MISSING` says why, `kernel` leaves functions as they are, and they must not be called.

Kernels are compiled serially and shared among threads by `threads.parallel_range`: numba's own `parallel=True`
compiles every loop three times over and takes three to eight times as long.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MISSING: str | None = None
try:
    import numba
    from numba.core import event
except ImportError:
    MISSING = "numba is not installed"
AVAILABLE = MISSING is None
ANNOUNCE = "REGARD_ANNOUNCE_COMPILATION"  # an environment variable; 0 keeps compilation silent

Function = Callable[..., Any]
f32: Any = np.float32
_OPTIONS = {"fastmath": True, "cache": True, "error_model": "numpy"}


def kernel(function: Function) -> Function:
    """Compile a function over arrays that writes its results into them.

    Its last statement is a loop over a `parallel_range`, which the threads share. Nothing may stand after it.
    """
    if not AVAILABLE:
        return function
    return numba.njit(no_cfunc_wrapper=True, **_OPTIONS)(function)  # type: ignore[no-any-return]


def inner(function: Function) -> Function:
    """Compile a function that kernels call for a part of their work; Python cannot call it."""
    if not AVAILABLE:
        return function
    return numba.njit(no_cfunc_wrapper=True, no_cpython_wrapper=True, **_OPTIONS)(function)  # type: ignore[no-any-return]


def array(tensor: Tensor) -> NDArray[Any]:
    """View a tensor's memory as an array; bfloat16 as its bits (uint16), for `to_float32` and `cast_like`."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def tensor(array: NDArray[Any], dtype: torch.dtype) -> Tensor:
    """View an array's memory as a tensor of this dtype: the inverse of `array`."""
    view = torch.from_numpy(array)
    return view.view(dtype) if dtype == torch.bfloat16 else view


class _Announcer(event.Listener if AVAILABLE else object):  # type: ignore[misc]
    """Says once on standard error that kernels are being compiled, when that takes longer than `after_s` seconds in
    all.

    A timer speaks while a long compilation is still running.
    """

    def __init__(self, after_s: float) -> None:
        self._left_s, self._depth, self._started_s = after_s, 0, 0.0
        self._timer: threading.Timer | None = None

    def on_start(self, event: object) -> None:
        """Start the timer at the outermost compilation: compiling a kernel compiles what it calls."""
        self._depth += 1
        if self._depth == 1 and self._left_s > 0:
            self._started_s = time.perf_counter()
            self._timer = threading.Timer(self._left_s, self._announce)
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: object) -> None:
        """Stop the timer, and subtract the time that has passed."""
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self.close()
            self._left_s -= time.perf_counter() - self._started_s

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _announce(self) -> None:
        self._left_s = 0.0
        print("compiling kernels for this CPU, once", file=sys.stderr, flush=True)


if AVAILABLE and os.environ.get(ANNOUNCE, "1") != "0":
    event.register("numba:compile", _Announcer(after_s=1.0))
