"""Sums of columns, and transposed copies."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.compile import f32, kernel
from regard.kernels.dispatch import launcher
from regard.kernels.intrinsics import cast_like, to_float32
from regard.kernels.threads import parallel_range

BANDS = (
    8  # bands of rows, each summed by one thread; fixed, so that sums do not depend on the number of threads
)
TILE_ROWS, TILE_COLUMNS = 64, 32  # what is transposed at a time


def column_sums(matrix: Float[Tensor, "... W"]) -> Float[Tensor, " W"]:
    """Return the float32 sum of every column, over all other dimensions: the gradient of a bias."""
    bands = torch.zeros(BANDS, matrix.shape[-1], device=matrix.device)
    launcher(matrix)(sum_bands, matrix.reshape(-1, matrix.shape[-1]).contiguous(), bands)
    return bands.sum(dim=0)


@kernel
def sum_bands(matrix, sums):  # type: ignore[no-untyped-def]
    """sums (BANDS, W) += the column sums of each band of rows of matrix (N, W)."""
    rows = len(matrix)
    for band in parallel_range(len(sums)):
        total = sums[band]
        for r in range(band * rows // len(sums), (band + 1) * rows // len(sums)):
            row = matrix[r]
            for j in range(len(row)):
                total[j] += to_float32(row[j])


@kernel
def transpose(matrix, scale, output):  # type: ignore[no-untyped-def]
    """output (W, N) = scale · matrix (N, W) transposed, in the dtype of the output."""
    rows, size = matrix.shape
    # with rows of whole cache lines, a column of the tile would map to one set of the cache
    tile = np.empty((TILE_ROWS, TILE_COLUMNS + 1), np.float32)
    for block in parallel_range((size + TILE_COLUMNS - 1) // TILE_COLUMNS):
        columns = slice(block * TILE_COLUMNS, min((block + 1) * TILE_COLUMNS, size))
        for start in range(0, rows, TILE_ROWS):
            length = min(TILE_ROWS, rows - start)
            for r in range(length):
                row, cached = matrix[start + r, columns], tile[r]
                for j in range(len(row)):
                    cached[j] = to_float32(row[j])
            for j in range(columns.stop - columns.start):
                out, cached = output[columns.start + j, start : start + length], tile[:length, j]
                for r in range(len(out)):
                    out[r] = cast_like(output, cached[r] * f32(scale))
