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

BANDS = 8  # of rows, each summed by one thread; a fixed number, so that sums do not depend on the threads
TILE_ROWS, TILE_COLUMNS = 64, 32  # of a matrix that is transposed


def column_sums(matrix: Float[Tensor, "... W"]) -> Float[Tensor, " W"]:
    """The sum of every column in float32, over all other dimensions: a bias's gradient from those of the outputs."""
    bands = torch.zeros(BANDS, matrix.shape[-1], device=matrix.device)
    launcher(matrix)(sum_bands, matrix.reshape(-1, matrix.shape[-1]).contiguous(), bands)
    return bands.sum(dim=0)


@kernel
def sum_bands(matrix, sums):  # type: ignore[no-untyped-def]
    """Add the column sums of each band of rows of (N, W) to its row of sums (BANDS, W)."""
    rows = len(matrix)
    for band in parallel_range(len(sums)):
        total = sums[band]
        for r in range(band * rows // len(sums), (band + 1) * rows // len(sums)):
            row = matrix[r]
            for j in range(len(row)):
                total[j] += to_float32(row[j])


@kernel
def transpose(matrix, scale, output):  # type: ignore[no-untyped-def]
    """output (W, N) = matrix (N, W) transposed, times `scale`, in the dtype of the output."""
    rows, size = matrix.shape
    tile = np.empty(
        (TILE_ROWS, TILE_COLUMNS + 1), np.float32
    )  # whole cache lines would map a column to one set
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
