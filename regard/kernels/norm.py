"""The length of all gradients together, for clipping: read once, by all threads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from regard.kernels import policy
from regard.kernels.compiled import array, f32, kernel, prange, wide

BLOCK = 16384  # numbers whose squares are added up in float32; the sums of blocks in float64


def total_norm(tensors: Sequence[Tensor]) -> float:
    """The Euclidean norm of all numbers of all tensors; 0 of none."""
    if not tensors or not policy.by_numba(*tensors):
        return float(nn.utils.get_total_norm(tensors))
    return math.sqrt(sum(_squares(array(tensor.contiguous().view(-1))).sum() for tensor in tensors))


@kernel
def _squares(numbers):  # type: ignore[no-untyped-def]
    blocks = (len(numbers) + BLOCK - 1) // BLOCK
    sums = np.empty(blocks, np.float64)
    for block in prange(blocks):
        part, total = numbers[block * BLOCK : min((block + 1) * BLOCK, len(numbers))], f32(0)
        for j in range(len(part)):
            x = wide(part[j])
            total += x * x
        sums[block] = total
    return sums
