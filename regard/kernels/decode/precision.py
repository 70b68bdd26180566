"""The precision of matrix products in a search: decided by hardware, width and number of rows, never by the clock.

A search has no backward pass, so its products may be less precise than those of training. States, scores, softmax and
log-probabilities stay in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from regard.errors import SearchError
from regard.kernels.dtypes import cpu_bfloat16_units
from regard.kernels.gemm.int8 import int8

PRECISIONS = ("auto", "float32", "bfloat16", "int8")
MIN_WIDTH = 256  # of a model's states: in narrower models products are a small part of a step
MAX_INT8_ROWS = 8  # with at most this many rows a product takes as long as reading its weight


@contextmanager
def inference_precision(precision: str, device: torch.device, width: int) -> Iterator[None]:
    """Run the products of a model whose states are `width` wide in a precision.

    auto is bfloat16 on a CPU with units for it, 8 bits where a product has few rows, and float32 anywhere else.
    Raises SearchError for an unknown name, and for int8 on a device other than the CPU.
    """
    check_precision(precision)
    on_cpu = device.type == "cpu"
    if precision == "int8" and not on_cpu:
        raise SearchError(
            f"search.precision int8: expected a model on the CPU, got one on {device}; leave it out"
        )
    pays = on_cpu and width >= MIN_WIDTH and cpu_bfloat16_units() is not None
    in_bfloat16 = precision == "bfloat16" or (precision == "auto" and pays)
    max_int8_rows = {"auto": MAX_INT8_ROWS if pays else 0, "int8": None}.get(precision, 0)
    with torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16), int8(max_int8_rows):
        yield


def check_precision(name: str) -> None:
    """Raise SearchError for an unknown name."""
    if name not in PRECISIONS:
        raise SearchError(f"search.precision: unknown name {name!r}; known names: {', '.join(PRECISIONS)}")
