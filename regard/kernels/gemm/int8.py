"""Weights in 8 bits, and when products take them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from regard.kernels.gemm.deferred import _loops
from regard.kernels.gemm.packed import _kept

LEAST_INT8_WIDTH = 128  # narrower weights gain nothing


def in_8_bits(weight: Tensor) -> Any:
    """The weight in 8 bits, every row by a scale of its own, as the matrix kernels want it."""
    kept, key = _kept(weight), (False, torch.qint8, "fbgemm")
    if key not in kept.layouts:
        rounded, scales = _rounded(weight)
        places = torch.zeros(len(rounded), dtype=torch.long)
        with (
            warnings.catch_warnings()
        ):  # such tensors will go; the bound on torch in pyproject.toml keeps them
            warnings.simplefilter("ignore", UserWarning)
            quantised = torch._make_per_channel_quantized_tensor(rounded, scales.double(), places, 0)
        kept.layouts[key] = torch.ops.quantized.linear_prepack(quantised, None)
    return kept.layouts[key]


def rows_with_scales(weight: Tensor, low: bool) -> tuple[Tensor, Tensor]:
    """The rows of a weight and what each must be multiplied by: as they are, or `low`, in 8 bits."""
    kept, key = _kept(weight), (False, torch.int8 if low else torch.float32, "rows")
    if key not in kept.layouts:
        kept.layouts[key] = (
            _rounded(weight) if low else (weight.detach().contiguous(), torch.ones(len(weight)))
        )
    rows: tuple[Tensor, Tensor] = kept.layouts[key]
    return rows


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight in 8 bits, and the scale of each row."""
    matrix = weight.detach().float()
    scales = matrix.abs().amax(dim=1).clamp(min=1e-8) / 127
    return (matrix / scales.unsqueeze(1)).round().to(torch.int8), scales


@contextmanager
def int8(most_rows: int | None = None) -> Iterator[None]:
    """Inside, products of at most so many rows without gradients take weights and inputs in 8 bits.

    The inputs are scaled by their largest, so what a row gives depends a little on the rows beside it. Narrow
    weights stay as they are.
    """
    before, _loops.int8_rows = _loops.int8_rows, sys.maxsize if most_rows is None else most_rows
    try:
        yield
    finally:
        _loops.int8_rows = before


def wide_enough(weight: Tensor) -> bool:
    """Whether 8 bits make products with a weight faster."""
    return min(weight.shape) >= LEAST_INT8_WIDTH


def in_few_bits(rows: int) -> bool:
    """Whether products of so many rows take weights in 8 bits now."""
    return 0 < rows <= _loops.int8_rows
