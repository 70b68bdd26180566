"""The length of all gradients together, for clipping: read once, by all threads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, linalg, nn

from regard.kernels import dispatch
from regard.kernels.compile import array, f32, kernel
from regard.kernels.intrinsics import to_float32
from regard.kernels.threads import parallel_range

BLOCK = 16384  # numbers whose squares are added up in float32; the sums of blocks in float64


def total_norm(tensors: Sequence[Tensor]) -> float:
    """The Euclidean norm of all numbers of all tensors; 0 of none."""
    if not tensors:
        return 0.0
    if not dispatch.by_numba(*tensors):
        return _total_norm_plain(tensors)
    return math.sqrt(sum(_squares_of(tensor) for tensor in tensors))


def _total_norm_plain(tensors: Sequence[Tensor]) -> float:
    """In float64 on a CPU: there torch adds up millions of squares one after another, and loses some in float32."""
    if not tensors[0].is_cpu:
        return float(nn.utils.get_total_norm(tensors))
    return math.hypot(*(float(linalg.vector_norm(tensor, dtype=torch.float64)) for tensor in tensors))


def _squares_of(tensor: Tensor) -> float:
    values = array(tensor.contiguous().view(-1))
    sums = np.empty(-(-len(values) // BLOCK), np.float64)
    _squares(values, sums)
    return float(sums.sum())


@kernel
def _squares(values, sums):  # type: ignore[no-untyped-def]
    """sums[i] = the sum of the squares of block i of the values (N,)."""
    for block in parallel_range(len(sums)):
        part, total = values[block * BLOCK : min((block + 1) * BLOCK, len(values))], f32(0)
        for j in range(len(part)):
            x = to_float32(part[j])
            total += x * x
        sums[block] = total
