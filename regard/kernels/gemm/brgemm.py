"""Products with a weight that stands in blocks of columns, by the micro-kernels of oneDNN that are in torch.

An operation of torch's costs some twenty microseconds before it multiplies, as much as a small product of a time
loop takes. What torch's own loops call for a block of a product is called here from within a kernel instead, which
shares the blocks among the threads and adds a bias or takes a tanh of what is still in the cache. Source:
`at::native::cpublas::brgemm` in ATen/native/CPUBlas.h, which torch's compiler calls in the code it writes. In
bfloat16 inputs stand two by two, as the instructions for it read them.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regard.kernels.compile import AVAILABLE, kernel
from regard.kernels.intrinsics import cast_like, tanh, to_float32
from regard.kernels.threads import parallel_range
from regard.kernels.torch_library import address

COLUMNS = 64  # of a block: whole tiles of AMX, whole vectors of AVX-512
ROWS = 64  # that a block is multiplied by at a time
WIDE = 512  # inputs of a block that are rounded before they are turned

_NAMES = {  # as C++ names them: of six numbers, whether to add, two matrices, the product, and whether two by two
    "bfloat16": "_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb",
    "float32": "_ZN2at6native7cpublas6brgemmEllllllbPKfS3_Pfb",
    "release": "_ZN2at6native7cpublas14brgemm_releaseEb",
}


def _addresses() -> dict[str, int]:
    """Where torch has them; nothing on other systems, or where a torch names them differently."""
    found = {name: address(symbol) for name, symbol in _NAMES.items()}
    if not AVAILABLE or sys.platform != "linux" or None in found.values():
        return {}
    return {name: function for name, function in found.items() if function is not None}


_FOUND = _addresses()


def available(dtype: torch.dtype) -> bool:
    """Whether products in this type may be taken so here. torch may be told not to use oneDNN, at any time."""
    return bool(_FOUND and torch.backends.mkldnn.enabled and _multiplies(dtype))


@cache
def _multiplies(dtype: torch.dtype) -> bool:
    if dtype == torch.bfloat16:
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return dtype == torch.float32 and torch.cpu._is_avx2_supported()


def fits(widths: list[int], outputs: int, dtype: torch.dtype) -> bool:
    """Whether weights of so many inputs each, and of so many outputs, stand in blocks, forwards and back."""
    return dtype == torch.float32 or not any(number % 2 for number in (*widths, outputs))


def room(inputs: int, outputs: int, dtype: torch.dtype) -> NDArray[Any]:
    """Blocks for a weight; columns that it does not fill are 0."""
    blocks = -(-outputs // COLUMNS)
    if dtype == torch.bfloat16:
        return np.zeros((blocks, inputs // 2, COLUMNS), np.uint32)
    return np.zeros((blocks, inputs, COLUMNS), np.float32)


def write(weight: NDArray[np.float32], blocks: NDArray[Any], first: int, transposed: bool) -> None:
    """Put a weight (outputs, inputs) there, its inputs from the `first` on; or turned, with its inputs as outputs."""
    if transposed:
        (_write_turned if blocks.dtype == np.float32 else _write_turned_pairs)(weight, blocks, first)
    else:
        _write(weight, blocks, first, np.empty(0, np.float32 if blocks.dtype == np.float32 else np.uint16))


_multiply: Any
_release: Any
if AVAILABLE:
    from llvmlite import binding, ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    for _name, _address in _FOUND.items():
        binding.add_symbol(f"regard_{_name}", _address)

    _LONG, _POINTER = ir.IntType(64), ir.IntType(8).as_pointer()

    @intrinsic  # type: ignore[untyped-decorator]
    def _multiply(context: Any, m: Any, k: Any, ld: Any, given: Any, block: Any, made: Any) -> Any:
        """The product of the first k columns of m rows, `ld` numbers apart, with a block."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            low = given.dtype == types.uint16
            kind = ir.FunctionType(ir.VoidType(), [_LONG] * 7 + [_POINTER] * 3 + [_LONG])
            name = "regard_bfloat16" if low else "regard_float32"
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            m, k, ld, *arrays = args
            width, no, pairs = (_LONG(number) for number in (COLUMNS, 0, int(low)))
            data = [
                builder.bitcast(context.make_array(array)(context, builder, arg).data, _POINTER)
                for array, arg in zip(signature.args[3:], arrays, strict=True)
            ]
            builder.call(function, [m, width, k, ld, width, width, no, *data, pairs])
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, given, block, made), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def _release(context: Any) -> Any:
        """Give back the tiles of AMX: whoever multiplies next in this thread may want them otherwise."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.VoidType(), [_LONG])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "regard_release"), [_LONG(1)])
            return context.get_dummy_value()

        return types.void(), generate


@kernel
def multiply(given, blocks, bias, plus, squashed, made):  # type: ignore[no-untyped-def]
    """The product of `given` (R, K or more) and a bias, into the first columns of `made`; plus that of `plus`, if it
    has rows; tanh of it all if `squashed`.
    """
    rows, size = len(made), len(bias)
    inputs = blocks.shape[1] * (2 if given.itemsize == 2 else 1)
    bands = (rows + ROWS - 1) // ROWS
    product = np.empty((min(rows, ROWS), COLUMNS), np.float32)
    for task in parallel_range(bands * len(blocks)):
        a, band = task // bands, task % bands
        begin, end = band * rows // bands, (band + 1) * rows // bands
        some = given[begin:end]
        _multiply(end - begin, inputs, given.strides[0] // given.itemsize, some, blocks[a], product)
        start, stop = a * COLUMNS, min((a + 1) * COLUMNS, size)
        b = bias[start:stop]
        for r in range(end - begin):
            x, out = product[r], made[begin + r, start:stop]
            if len(plus) > 0:
                more = plus[begin + r, start:stop]
                for j in range(len(b)):
                    x[j] += to_float32(more[j])
            if squashed:
                for j in range(len(b)):
                    out[j] = cast_like(out, tanh(x[j] + b[j]))
            else:
                for j in range(len(b)):
                    out[j] = cast_like(out, x[j] + b[j])
        _release()


@kernel
def _write(weight, blocks, first, numbers):  # type: ignore[no-untyped-def]
    """`numbers`, an array, are those that a weight is rounded to; as many as fit stand in one of a block's."""
    outputs, inputs = weight.shape
    # were its rows whole lines of the cache, a column would fall into one set of it
    low = np.empty((COLUMNS, WIDE + 2), numbers.dtype)
    lines = low.view(blocks.dtype)
    together = low.shape[1] // lines.shape[1]
    for a in parallel_range(len(blocks)):
        size = min(COLUMNS, outputs - a * COLUMNS)
        for start in range(0, inputs, WIDE):
            stop = min(start + WIDE, inputs)
            for i in range(size):
                row, rounded = weight[a * COLUMNS + i, start:stop], low[i]
                for j in range(len(row)):
                    rounded[j] = cast_like(low, row[j])
            for j in range((stop - start) // together):
                line, column = blocks[a, (first + start) // together + j, :size], lines[:, j]
                for i in range(len(line)):
                    line[i] = column[i]


@kernel
def _write_turned(weight, blocks, first):  # type: ignore[no-untyped-def]
    outputs, inputs = weight.shape
    for o in parallel_range(outputs):
        for a in range(first // COLUMNS, (first + inputs - 1) // COLUMNS + 1):
            begin, end = max(a * COLUMNS, first), min((a + 1) * COLUMNS, first + inputs)
            row, line = (
                weight[o, begin - first : end - first],
                blocks[a, o, begin - a * COLUMNS : end - a * COLUMNS],
            )
            for j in range(len(line)):
                line[j] = row[j]


@kernel
def _write_turned_pairs(weight, blocks, first):  # type: ignore[no-untyped-def]
    outputs, inputs = weight.shape
    low = np.empty(0, np.uint16)
    for o in parallel_range(outputs // 2):
        for a in range(first // COLUMNS, (first + inputs - 1) // COLUMNS + 1):
            begin, end = max(a * COLUMNS, first), min((a + 1) * COLUMNS, first + inputs)
            one, other = (
                weight[2 * o, begin - first : end - first],
                weight[2 * o + 1, begin - first : end - first],
            )
            line = blocks[a, o, begin - a * COLUMNS : end - a * COLUMNS]
            for j in range(len(line)):
                lower, upper = np.uint32(cast_like(low, one[j])), np.uint32(cast_like(low, other[j]))
                line[j] = lower | (upper << np.uint32(16))
