"""Products with a weight in blocks of columns, by the micro-kernels of oneDNN that are in torch.

An operation of torch costs some twenty microseconds before it multiplies, as much as a small product of a time loop
takes. What torch's own loops call for one block of a product is called here from within a kernel instead, which
shares the blocks among the threads, and adds a bias or applies a tanh while a block is still in the cache. Source:
`at::native::cpublas::brgemm` in ATen/native/CPUBlas.h, which torch's compiler calls in the code it writes. In
bfloat16 the inputs of a weight are stored in pairs, as the instructions for it read them (VNNI).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regard.kernels.compile import AVAILABLE, kernel
from regard.kernels.intrinsics import cast_like, tanh, to_float32
from regard.kernels.threads import parallel_range
from regard.kernels.torch_library import address

BLOCK_COLUMNS = 64  # outputs in a block: whole tiles of AMX, whole vectors of AVX-512
BLOCK_ROWS = 64  # rows that a block is multiplied by at a time
PACK_INPUTS = 512  # inputs of a block that are rounded before they are transposed

_SYMBOLS = {  # void brgemm(m, n, k, lda, ldb, ldc, add, a, b, c, is_vnni), mangled
    "bfloat16": "_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb",
    "float32": "_ZN2at6native7cpublas6brgemmEllllllbPKfS3_Pfb",
    "release": "_ZN2at6native7cpublas14brgemm_releaseEb",
}


def _find_addresses() -> dict[str, int]:
    """Return the addresses of the functions; empty on other systems, or where torch names them differently."""
    found = {name: address(symbol) for name, symbol in _SYMBOLS.items()}
    if not AVAILABLE or sys.platform != "linux" or None in found.values():
        return {}
    return {name: function for name, function in found.items() if function is not None}


_ADDRESSES = _find_addresses()


def available(dtype: torch.dtype) -> bool:
    """Whether there are micro-kernels for this dtype. torch may be told not to use oneDNN, at any time."""
    return bool(_ADDRESSES and torch.backends.mkldnn.enabled and _cpu_supports(dtype))


@cache
def _cpu_supports(dtype: torch.dtype) -> bool:
    if dtype == torch.bfloat16:
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return dtype == torch.float32 and torch.cpu._is_avx2_supported()


def supports(input_sizes: Sequence[int], output_size: int, dtype: torch.dtype) -> bool:
    """Whether weights of these sizes can be packed in blocks, forward and backward: in bfloat16, if all are even."""
    return dtype == torch.float32 or not any(size % 2 for size in (*input_sizes, output_size))


def empty_blocks(input_size: int, output_size: int, dtype: torch.dtype) -> NDArray[Any]:
    """Return zeroed blocks (⌈O / 64⌉, I, 64) for a weight (O, I); in bfloat16 (⌈O / 64⌉, I / 2, 64) pairs."""
    num_blocks = -(-output_size // BLOCK_COLUMNS)
    if dtype == torch.bfloat16:
        return np.zeros((num_blocks, input_size // 2, BLOCK_COLUMNS), np.uint32)
    return np.zeros((num_blocks, input_size, BLOCK_COLUMNS), np.float32)


def pack(weight: NDArray[np.float32], blocks: NDArray[Any], first: int, transposed: bool) -> None:
    """Copy a weight (O, I) into blocks, its inputs from index `first` on.

    If `transposed`, for products with Wᵀ: there the blocks' outputs, from `first` on, are the weight's inputs.
    """
    if transposed:
        (_pack_transposed if blocks.dtype == np.float32 else _pack_transposed_pairs)(weight, blocks, first)
    else:
        _pack(weight, blocks, first, np.empty(0, np.float32 if blocks.dtype == np.float32 else np.uint16))


_multiply_block: Any
_release: Any
if AVAILABLE:
    from llvmlite import binding, ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    for _name, _address in _ADDRESSES.items():
        binding.add_symbol(f"regard_{_name}", _address)

    _INT64, _POINTER = ir.IntType(64), ir.IntType(8).as_pointer()

    @intrinsic  # type: ignore[untyped-decorator]
    def _multiply_block(
        context: Any, m: Any, k: Any, stride: Any, rows: Any, block: Any, product: Any
    ) -> Any:
        """product (m, 64) = the first k columns of m rows, `stride` elements apart, times block (k, 64)."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            is_bfloat16 = rows.dtype == types.uint16
            kind = ir.FunctionType(ir.VoidType(), [_INT64] * 7 + [_POINTER] * 3 + [_INT64])
            name = "regard_bfloat16" if is_bfloat16 else "regard_float32"
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            m, k, stride, *arrays = args
            n, add, is_vnni = (_INT64(number) for number in (BLOCK_COLUMNS, 0, int(is_bfloat16)))
            data = [
                builder.bitcast(context.make_array(array)(context, builder, arg).data, _POINTER)
                for array, arg in zip(signature.args[3:], arrays, strict=True)
            ]
            builder.call(function, [m, n, k, stride, n, n, add, *data, is_vnni])
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, rows, block, product), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def _release(context: Any) -> Any:
        """Release the tiles of AMX: the next product in this thread may configure them differently."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.VoidType(), [_INT64])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "regard_release"), [_INT64(1)])
            return context.get_dummy_value()

        return types.void(), generate


@kernel
def multiply(input, blocks, bias, addend, apply_tanh, output):  # type: ignore[no-untyped-def]
    """output (R, O) = input (R, I) · W + bias (O,) + addend (R, O), or its tanh; W (I, O) packed in `blocks`.

    `input` and `output` may have more columns. An `addend` without rows is left out.
    """
    num_rows, size = len(output), len(bias)
    input_size = blocks.shape[1] * (2 if input.itemsize == 2 else 1)
    num_bands = (num_rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    product = np.empty((min(num_rows, BLOCK_ROWS), BLOCK_COLUMNS), np.float32)
    for task in parallel_range(num_bands * len(blocks)):
        block, band = task // num_bands, task % num_bands
        begin, end = band * num_rows // num_bands, (band + 1) * num_rows // num_bands
        rows = input[begin:end]
        _multiply_block(
            end - begin, input_size, input.strides[0] // input.itemsize, rows, blocks[block], product
        )
        start, stop = block * BLOCK_COLUMNS, min((block + 1) * BLOCK_COLUMNS, size)
        b = bias[start:stop]
        for r in range(end - begin):
            x, out = product[r], output[begin + r, start:stop]
            if len(addend) > 0:
                more = addend[begin + r, start:stop]
                for j in range(len(b)):
                    x[j] += to_float32(more[j])
            if apply_tanh:
                for j in range(len(b)):
                    out[j] = cast_like(out, tanh(x[j] + b[j]))
            else:
                for j in range(len(b)):
                    out[j] = cast_like(out, x[j] + b[j])
        _release()


@kernel
def _pack(weight, blocks, first, example):  # type: ignore[no-untyped-def]
    """blocks[a, first + i, o] = weight (O, I)[64 a + o, i], rounded to the dtype of the array `example`.

    In bfloat16 an element of a block holds two consecutive inputs.
    """
    output_size, input_size = weight.shape
    # with rows of whole cache lines, a column would map to one set of the cache
    rounded = np.empty((BLOCK_COLUMNS, PACK_INPUTS + 2), example.dtype)
    elements = rounded.view(blocks.dtype)
    inputs_each = rounded.shape[1] // elements.shape[1]
    for a in parallel_range(len(blocks)):
        size = min(BLOCK_COLUMNS, output_size - a * BLOCK_COLUMNS)
        for start in range(0, input_size, PACK_INPUTS):
            stop = min(start + PACK_INPUTS, input_size)
            for o in range(size):
                row, rounded_row = weight[a * BLOCK_COLUMNS + o, start:stop], rounded[o]
                for i in range(len(row)):
                    rounded_row[i] = cast_like(rounded, row[i])
            for j in range((stop - start) // inputs_each):
                line, column = blocks[a, (first + start) // inputs_each + j, :size], elements[:, j]
                for o in range(len(line)):
                    line[o] = column[o]


@kernel
def _pack_transposed(weight, blocks, first):  # type: ignore[no-untyped-def]
    """blocks[a, o, i] = weight (O, I)[o, 64 a + i − first], in float32."""
    output_size, input_size = weight.shape
    for o in parallel_range(output_size):
        for a in range(first // BLOCK_COLUMNS, (first + input_size - 1) // BLOCK_COLUMNS + 1):
            begin, end = max(a * BLOCK_COLUMNS, first), min((a + 1) * BLOCK_COLUMNS, first + input_size)
            row = weight[o, begin - first : end - first]
            line = blocks[a, o, begin - a * BLOCK_COLUMNS : end - a * BLOCK_COLUMNS]
            for i in range(len(line)):
                line[i] = row[i]


@kernel
def _pack_transposed_pairs(weight, blocks, first):  # type: ignore[no-untyped-def]
    """blocks[a, o / 2, i] = the pair weight (O, I)[o and o + 1, 64 a + i − first], in bfloat16."""
    output_size, input_size = weight.shape
    example = np.empty(0, np.uint16)
    for o in parallel_range(output_size // 2):
        for a in range(first // BLOCK_COLUMNS, (first + input_size - 1) // BLOCK_COLUMNS + 1):
            begin, end = max(a * BLOCK_COLUMNS, first), min((a + 1) * BLOCK_COLUMNS, first + input_size)
            row, next_row = (
                weight[2 * o, begin - first : end - first],
                weight[2 * o + 1, begin - first : end - first],
            )
            line = blocks[a, o, begin - a * BLOCK_COLUMNS : end - a * BLOCK_COLUMNS]
            for i in range(len(line)):
                lower, upper = (
                    np.uint32(cast_like(example, row[i])),
                    np.uint32(cast_like(example, next_row[i])),
                )
                line[i] = lower | (upper << np.uint32(16))
