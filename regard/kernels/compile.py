"""What compiled CPU kernels are written with: numba, and float32 functions that vectorise.

numba compiles a kernel when it is first used (a second or two) and keeps it beside this file, or in its own cache
where that cannot be written. Where numba or its OpenMP layer is missing, `AVAILABLE` is False, `kernel` leaves
functions as they are, and nobody may call them; `MISSING` says what is.

`exp`, `tanh` and `sigmoid` are written without branches, calls or 64-bit numbers, so that LLVM turns a loop over
them into vector instructions. The rounding of an exponent must not be reordered, so the helpers allow less than
`fastmath` does; the kernels around them may add up in any order. Kernels walk over slices from 0 on: an index that
might be negative, or arrays that might overlap, keep a loop from vectorising. Errors against float64: exp 1,
tanh 5 units in the last place (tests/kernels/test_compiled.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MISSING: str | None = None
try:
    import numba
except ImportError:
    MISSING = "numba is not installed"
else:
    try:
        from numba.np.ufunc import omppool  # type: ignore[attr-defined]  # noqa: F401  beside torch's threads
    except ImportError as error:
        remedy = "; on Debian and Ubuntu the package is libgomp1" if "libgomp" in str(error) else ""
        MISSING = f"numba's OpenMP layer does not load: {error}{remedy}"
AVAILABLE = MISSING is None

Kernel = Callable[..., Any]
prange: Any = numba.prange if AVAILABLE else range
f32: Any = np.float32


def kernel(function: Kernel) -> Kernel:
    """Compile a loop over arrays; its `prange` is shared among the threads."""
    if not AVAILABLE:
        return function
    return numba.njit(parallel=True, fastmath=True, cache=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def inner(function: Kernel) -> Kernel:
    """Compile what kernels call for a part of their work."""
    if not AVAILABLE:
        return function
    return numba.njit(fastmath=True, cache=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def array(tensor: Tensor) -> NDArray[Any]:
    """A tensor's memory as numpy sees it; of bfloat16 the bits, which `to_float32` and `cast_like` read and write."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def tensor(array: NDArray[Any], dtype: torch.dtype) -> Tensor:
    """The way back: the same memory as a tensor of this type."""
    made = torch.from_numpy(array)
    return made.view(dtype) if dtype == torch.bfloat16 else made


class _Matched(threading.local):
    threads = 0


_matched = _Matched()


def match_threads() -> None:
    """Let kernels use as many threads as torch does, in the thread that asks."""
    wanted = torch.get_num_threads()
    if wanted != _matched.threads:
        numba.config.THREADING_LAYER = "omp"
        numba.set_num_threads(min(wanted, numba.config.NUMBA_NUM_THREADS))
        torch.set_num_threads(wanted)  # starting, numba set it: they share their threads
        _matched.threads = wanted
