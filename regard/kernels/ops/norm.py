"""The norm of all gradients together, for clipping: they are read once, by all threads."""

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

BLOCK = 16384  # elements whose squares are summed in float32; the sums of blocks are summed in float64


def total_norm(tensors: Sequence[Tensor]) -> float:
    """Return the Euclidean norm of all elements of all tensors; 0.0 if there are none."""
    if not tensors:
        return 0.0
    if not dispatch.by_numba(*tensors):
        return _total_norm_plain(tensors)
    return math.sqrt(sum(_sum_of_squares(tensor) for tensor in tensors))


def _total_norm_plain(tensors: Sequence[Tensor]) -> float:
    """Compute the norm in float64 on a CPU, where torch's sum of millions of squares loses some in float32."""
    if not tensors[0].is_cpu:
        return float(nn.utils.get_total_norm(tensors))
    return math.hypot(*(float(linalg.vector_norm(tensor, dtype=torch.float64)) for tensor in tensors))


def _sum_of_squares(tensor: Tensor) -> float:
    values = array(tensor.contiguous().view(-1))
    sums = np.empty(-(-len(values) // BLOCK), np.float64)
    sum_squares(values, sums)
    return float(sums.sum())


@kernel
def sum_squares(values, sums):  # type: ignore[no-untyped-def]
    """sums (N / BLOCK,) = Σ x² over each block of values (N,)."""
    for block in parallel_range(len(sums)):
        part, total = values[block * BLOCK : (block + 1) * BLOCK], f32(0)
        for j in range(len(part)):
            x = to_float32(part[j])
            total += x * x
        sums[block] = total
