"""Sums of columns, and transposed copies."""

from __future__ import annotations

import numpy as np

from regard.kernels.compile import f32, kernel, prange
from regard.kernels.intrinsics import cast_like, to_float32

BANDS = 8  # of rows, of which one thread sums a whole one; not as many as threads, so that sums are always the same
TILE_ROWS, TILE_COLUMNS = 64, 32  # of a matrix that is turned


@kernel
def add_columns(matrix, sums):  # type: ignore[no-untyped-def]
    """Add the sum of every column of (N, W) to (W,), in float32."""
    rows, size = matrix.shape
    totals = np.zeros((BANDS, size), np.float32)
    for band in prange(BANDS):
        total = totals[band]
        for r in range(band * rows // BANDS, (band + 1) * rows // BANDS):
            row = matrix[r]
            for v in range(len(row)):
                total[v] += to_float32(row[v])
    for band in range(BANDS):
        total = totals[band]
        for v in range(size):
            sums[v] += total[v]


@kernel
def transpose(matrix, scale, turned):  # type: ignore[no-untyped-def]
    """Write (N, W) times a number as (W, N), in the numbers of the latter."""
    rows, size = matrix.shape
    for block in prange((size + TILE_COLUMNS - 1) // TILE_COLUMNS):
        columns = slice(block * TILE_COLUMNS, min((block + 1) * TILE_COLUMNS, size))
        tile = np.empty(
            (TILE_ROWS, TILE_COLUMNS + 1), np.float32
        )  # a column of whole lines would fall into one set of the cache
        for start in range(0, rows, TILE_ROWS):
            length = min(TILE_ROWS, rows - start)
            for r in range(length):
                row, kept = matrix[start + r, columns], tile[r]
                for v in range(len(row)):
                    kept[v] = to_float32(row[v])
            for v in range(columns.stop - columns.start):
                out, kept = turned[columns.start + v, start : start + length], tile[:length, v]
                for r in range(len(out)):
                    out[r] = cast_like(turned, kept[r] * f32(scale))
