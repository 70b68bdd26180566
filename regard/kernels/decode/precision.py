"""In which precision a search takes its matrix products: decided by hardware, width and rows, never by the clock.

Nobody goes back over a search, so its products may be rounder than those of training. What keeps float32: states,
scores, softmax, log-probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from regard.errors import SearchError
from regard.kernels.dtypes import cpu_bfloat16_units
from regard.kernels.gemm.int8 import int8

PRECISIONS = ("auto", "float32", "bfloat16", "int8")
LEAST_WIDTH = 256  # of a model's states: narrower, a step is not spent in products
MAX_INT8_ROWS = 8  # up to so many, a product takes as long as reading its weight


@contextmanager
def inference_precision(precision: str, device: torch.device, width: int) -> Iterator[None]:
    """Inside, a model whose states are `width` wide takes its products so.

    auto is bfloat16 on a CPU with units for it, 8 bits where a product has few rows, and float32 anywhere else.
    Raises SearchError for an unknown name, and for int8 on a device other than the CPU.
    """
    check_precision(precision)
    on_cpu = device.type == "cpu"
    if precision == "int8" and not on_cpu:
        raise SearchError(
            f"search.precision int8: is for models on the CPU, and this one is on {device}; leave it out"
        )
    pays = on_cpu and width >= LEAST_WIDTH and cpu_bfloat16_units() is not None
    low = precision == "bfloat16" or (precision == "auto" and pays)
    most_rows = {"auto": MAX_INT8_ROWS if pays else 0, "int8": None}.get(precision, 0)
    with torch.autocast(device.type, torch.bfloat16, enabled=low), int8(most_rows):
        yield


def check_precision(name: str) -> None:
    """Raise SearchError for an unknown name."""
    if name not in PRECISIONS:
        raise SearchError(f"search.precision: unknown name {name!r}; known names: {', '.join(PRECISIONS)}")
