"""Functions of the libraries inside torch that compiled kernels call."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

import torch


def address(symbol: str) -> int | None:
    """Return the address of a function in torch's CPU library or in one that it loads; None if there is none."""
    try:
        function = getattr(_library(), symbol)
    except AttributeError:
        return None
    return ctypes.cast(function, ctypes.c_void_p).value


@cache
def _library() -> ctypes.CDLL | None:
    if sys.platform == "win32":  # a library there exports only its own functions
        return None
    name = "libtorch_cpu.dylib" if sys.platform == "darwin" else "libtorch_cpu.so"
    try:
        return ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name))
    except OSError:
        return None
