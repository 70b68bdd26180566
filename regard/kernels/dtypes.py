"""The dtypes that tensors are stored and multiplied in."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 or, if it already is, float64."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def autocast_dtype(tensor: Tensor) -> torch.dtype:
    """Return the dtype of products with a tensor: that of autocast where it is enabled, else the tensor's own."""
    device = tensor.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else tensor.dtype


def cpu_bfloat16_units() -> str | None:
    """Return the CPU's instructions for bfloat16 products, AMX-BF16 or AVX512-BF16; None if it has neither."""
    if torch.cpu._is_amx_tile_supported():
        return "AMX-BF16"
    return "AVX512-BF16" if torch.cpu._is_avx512_bf16_supported() else None
