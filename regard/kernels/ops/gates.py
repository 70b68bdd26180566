"""Shared parts of the gated cells: frozen rows, saved gate activations, buffers and checks.

`live` (R, 1) is False in rows that have ended: they keep their state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from regard.kernels.compile import inner
from regard.kernels.intrinsics import dequantize, quantize
from regard.kernels.shapes import expect_shape

OptionalTensor = Tensor | None


def check_cell_shapes(
    cell: str, num_gates: int, projected: Tensor, recurrent: Tensor, live: OptionalTensor, *states: Tensor
) -> None:
    """Raise ShapeError unless products (R, G), `live` (R, 1) and states (R, H) fit each other."""
    num_rows, size = len(states[0]), states[0].shape[-1]
    for state in states:
        expect_shape(cell, "a state", state, num_rows, size)
    expect_shape(cell, "projected", projected, num_rows, num_gates * size)
    expect_shape(cell, "recurrent", recurrent, num_rows, num_gates * size)
    if live is not None:
        expect_shape(cell, "live", live, num_rows, 1)


def freeze_ended(live: OptionalTensor, new: Tensor, old: Tensor) -> Tensor:
    """Return the new state in live rows, the old one in rows that have ended."""
    return new if live is None else torch.where(live, new, old)


def promote(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
    """Return both products in one dtype."""
    dtype = torch.promote_types(projected.dtype, recurrent.dtype)
    return projected.to(dtype), recurrent.to(dtype)


def live_rows(live: OptionalTensor, state: Tensor) -> Tensor:
    """Return `live` as kernels take it, (R,)."""
    num_rows = len(state)
    if live is None:
        return torch.ones(num_rows, dtype=torch.bool, device=state.device)
    return live.reshape(num_rows).contiguous()


def float32_buffer(state: Tensor, *shape: int) -> Tensor:
    """Return an uninitialised float32 buffer on the device of a state."""
    return torch.empty(shape, device=state.device)


@inner
def save_gates(activations, saved, lower):  # type: ignore[no-untyped-def]
    """saved (H,) = activations (H,) for the backward pass: sigmoids with `lower` 0, tanhs with `lower` -1."""
    for j in range(len(activations)):
        saved[j] = quantize(saved, activations[j], lower)


@inner
def load_gates(saved, activations, lower):  # type: ignore[no-untyped-def]
    """activations (H,) = what `save_gates` saved (H,)."""
    for j in range(len(activations)):
        activations[j] = dequantize(saved[j], lower)
