"""What compiled CPU kernels are written with: numba, and float32 functions that vectorise.

numba compiles a kernel when it is first used (a second or two) and keeps it beside this file, or in its own cache
where that cannot be written. Where numba or its OpenMP layer is missing, `AVAILABLE` is False, `kernel` leaves
functions as they are, and nobody may call them.

`exp`, `tanh` and `sigmoid` are written without branches, calls or 64-bit numbers, so that LLVM turns a loop over
them into vector instructions. The rounding of an exponent must not be reordered, so the helpers allow less than
`fastmath` does; the kernels around them may add up in any order. Errors against float64: exp 1, tanh 2 units in the
last place (tests/kernels/test_compiled.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

try:
    import numba
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic
    from numba.np.ufunc import omppool  # type: ignore[attr-defined]  # noqa: F401  beside torch's threads

    AVAILABLE = True
except ImportError:
    AVAILABLE = False

Kernel = Callable[..., Any]
prange: Any = numba.prange if AVAILABLE else range
f32: Any = np.float32
exp: Any
tanh: Any
sigmoid: Any
_HELPER = {"contract", "nsz"}


def kernel(function: Kernel) -> Kernel:
    """Compile a loop over arrays; its `prange` is shared among the threads."""
    if not AVAILABLE:
        return function
    return numba.njit(parallel=True, fastmath=True, cache=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def array(tensor: Tensor) -> NDArray[Any]:
    """A tensor's memory as numpy sees it."""
    return tensor.detach().numpy()


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


if not AVAILABLE:
    exp = tanh = sigmoid = None
else:
    _helper = numba.njit(forceinline=True, fastmath=_HELPER, error_model="numpy")

    def _bits(builder: Any, value: Any) -> Any:
        return builder.bitcast(value, ir.IntType(32))

    @intrinsic
    def _power_of_two(context: Any, rounded: Any) -> Any:
        """2 to the power of n, given n + 1.5 · 2^23 as a float32."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = ir.IntType(32)
            biased = builder.add(_bits(builder, args[0]), ir.Constant(number, 127))
            return builder.bitcast(builder.shl(biased, ir.Constant(number, 23)), ir.FloatType())

        return types.float32(types.float32), generate

    @intrinsic
    def _absolute(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            mask = ir.Constant(ir.IntType(32), 0x7FFFFFFF)
            return builder.bitcast(builder.and_(_bits(builder, args[0]), mask), ir.FloatType())

        return types.float32(types.float32), generate

    @intrinsic
    def _with_sign_of(context: Any, size: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            mask = ir.Constant(ir.IntType(32), 0x80000000)
            sign = builder.and_(_bits(builder, args[1]), mask)
            return builder.bitcast(builder.or_(_bits(builder, args[0]), sign), ir.FloatType())

        return types.float32(types.float32, types.float32), generate

    @intrinsic
    def _if_less(context: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

        return types.float32(types.float32, types.float32, types.float32, types.float32), generate

    _ROUND = f32(12582912.0)  # 1.5 · 2^23: adding it leaves no room for a fraction

    @_helper
    def exp(x: Any) -> Any:
        """e to the power of x, for x up to 88; below -87 it stays at e^-87.

        A polynomial on [-ln 2 / 2, ln 2 / 2] times a power of two; coefficients: Moshier, Cephes, expf.
        """
        x = _if_less(x, f32(-87.0), f32(-87.0), x)
        shifted = x * f32(1.44269504088896341) + _ROUND
        n = shifted - _ROUND
        r = (x - n * f32(0.693359375)) - n * f32(-2.12194440e-4)
        p = f32(1.9875691500e-4)
        p = p * r + f32(1.3981999507e-3)
        p = p * r + f32(8.3334519073e-3)
        p = p * r + f32(4.1665795894e-2)
        p = p * r + f32(1.6666665459e-1)
        p = p * r + f32(5.0000001201e-1)
        return (p * r * r + r + f32(1.0)) * _power_of_two(shifted)

    @_helper
    def tanh(x: Any) -> Any:
        """A polynomial below 0.625, 1 - 2 / (e^2x + 1) from there on; coefficients: Moshier, Cephes, tanhf."""
        size = _absolute(x)
        capped = _if_less(f32(15.0), size, f32(15.0), size)
        z = x * x
        p = f32(-5.70498872745e-3)
        p = p * z + f32(2.06390887954e-2)
        p = p * z - f32(5.37397155531e-2)
        p = p * z + f32(1.33314422036e-1)
        p = p * z - f32(3.33332819422e-1)
        near = x + x * z * p
        far = _with_sign_of(f32(1.0) - f32(2.0) / (exp(capped + capped) + f32(1.0)), x)
        return _if_less(size, f32(0.625), near, far)

    @_helper
    def sigmoid(x: Any) -> Any:
        """1 / (1 + e^-x)."""
        least = _if_less(x, f32(-87.0), f32(-87.0), x)
        return f32(1.0) / (f32(1.0) + exp(-least))
