"""What the gated cells share: saved gate activations, frozen rows, and buffers.

`live` (R, 1) is False in rows that have ended: they keep their state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from regard.kernels.compile import inner
from regard.kernels.intrinsics import dequantize, quantize

Live = Tensor | None


def freeze_ended(live: Live, new: Tensor, old: Tensor) -> Tensor:
    """The new state in live rows, the old one in rows that have ended."""
    return new if live is None else torch.where(live, new, old)


def promote(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
    """Both products in one dtype."""
    dtype = torch.promote_types(projected.dtype, recurrent.dtype)
    return projected.to(dtype), recurrent.to(dtype)


def live_rows(live: Live, state: Tensor) -> Tensor:
    """`live` as kernels take it, (R,)."""
    rows = len(state)
    if live is None:
        return torch.ones(rows, dtype=torch.bool, device=state.device)
    return live.reshape(rows).contiguous()


def float32_buffer(state: Tensor, *shape: int) -> Tensor:
    """An uninitialised float32 buffer on the device of a state."""
    return torch.empty(shape, device=state.device)


@inner
def save_gates(activations, saved, lower):  # type: ignore[no-untyped-def]
    """Save gate activations (H,) for the backward pass: sigmoids with `lower` 0, tanhs with `lower` -1."""
    for j in range(len(activations)):
        saved[j] = quantize(saved, activations[j], lower)


@inner
def load_gates(saved, activations, lower):  # type: ignore[no-untyped-def]
    """Load what `save_gates` saved."""
    for j in range(len(activations)):
        activations[j] = dequantize(saved[j], lower)
