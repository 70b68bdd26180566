"""The types that numbers are kept and multiplied in."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """In float32 at least; float64 stays."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def autocast_dtype(given: Tensor) -> torch.dtype:
    """The type that products with this tensor are taken in."""
    device = given.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else given.dtype


def cpu_bfloat16_units() -> str | None:
    """The CPU's instructions for bfloat16 products, AMX-BF16 or AVX512-BF16; None where it has neither."""
    if torch.cpu._is_amx_tile_supported():
        return "AMX-BF16"
    return "AVX512-BF16" if torch.cpu._is_avx512_bf16_supported() else None
