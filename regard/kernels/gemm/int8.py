"""Weights in 8 bits, and when products take them."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from regard.kernels.gemm.packed import weight_cache

MIN_INT8_WIDTH = 128  # narrower weights gain nothing


class _ThreadState(threading.local):
    max_rows: int = 0


_thread = _ThreadState()


@contextmanager
def int8(max_rows: int | None = None) -> Iterator[None]:
    """Make products of at most `max_rows` rows without gradients take weights and inputs in 8 bits.

    The inputs are scaled by their largest, so the result of a row depends a little on the other rows. Narrow weights
    stay as they are. None means any number of rows.
    """
    before, _thread.max_rows = _thread.max_rows, sys.maxsize if max_rows is None else max_rows
    try:
        yield
    finally:
        _thread.max_rows = before


def runs_in_int8(num_rows: int) -> bool:
    """Whether products of `num_rows` rows take weights in 8 bits now."""
    return 0 < num_rows <= _thread.max_rows


def gains_from_int8(weight: Tensor) -> bool:
    """Whether products with a weight are faster in 8 bits."""
    return min(weight.shape) >= MIN_INT8_WIDTH


def quantized_weight(weight: Tensor) -> Any:
    """Return the weight (O, I) in 8 bits with a scale for each row, packed for torch's quantized products."""
    packed, key = weight_cache(weight).packed, (False, torch.qint8, "fbgemm")
    if key not in packed:
        rounded, scales = _quantize_rows(weight)
        zero_points = torch.zeros(len(rounded), dtype=torch.long)
        with (
            warnings.catch_warnings()
        ):  # torch will drop such tensors; its upper bound in pyproject.toml keeps them
            warnings.simplefilter("ignore", UserWarning)
            quantized = torch._make_per_channel_quantized_tensor(rounded, scales.double(), zero_points, 0)
        packed[key] = torch.ops.quantized.linear_prepack(quantized, None)
    return packed[key]


def rows_and_scales(weight: Tensor, quantized: bool) -> tuple[Tensor, Tensor]:
    """Return the rows (O, I) of a weight, in 8 bits if `quantized`, and the factor (O,) of each row."""
    packed, key = weight_cache(weight).packed, (False, torch.int8 if quantized else torch.float32, "rows")
    if key not in packed:
        own = weight.detach().contiguous()
        packed[key] = _quantize_rows(weight) if quantized else (own, torch.ones(len(weight)))
    rows: tuple[Tensor, Tensor] = packed[key]
    return rows


def _quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight (O, I) rounded to 8 bits, and the scale (O,) of each row: `w ≈ scale · rounded`."""
    matrix = weight.detach().float()
    scales = matrix.abs().amax(dim=1).clamp(min=1e-8) / 127
    return (matrix / scales.unsqueeze(1)).round().to(torch.int8), scales
