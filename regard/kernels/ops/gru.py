"""Gated recurrent unit."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.kernels import dispatch
from regard.kernels.compile import f32, kernel
from regard.kernels.dispatch import launcher
from regard.kernels.intrinsics import cast_like, sigmoid, tanh, to_float32
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.ops.gates import (
    OptionalTensor,
    check_cell_shapes,
    float32_buffer,
    freeze_ended,
    live_rows,
    load_gates,
    promote,
    save_gates,
)
from regard.kernels.threads import parallel_range


def gru(
    projected: Float[Tensor, "R G"],
    recurrent: Float[Tensor, "R G"],
    hidden: Float[Tensor, "R H"],
    live: Bool[Tensor, "R 1"] | None = None,
) -> Float[Tensor, "R H"]:
    """Return `h'` of a gated recurrent unit, given the products W x and U h of its gates (G = 3H).

    Rows that are not `live` keep their state. Raises ShapeError.
    """
    if dispatch.fused(projected, recurrent, hidden):
        check_cell_shapes("gru", 3, projected, recurrent, live, hidden)
        if not torch.is_grad_enabled():
            return _gru(projected, recurrent, hidden, live)[0]
        return _GRU.apply(*promote(projected, recurrent), hidden, live)  # type: ignore[no-any-return]
    return gru_plain(projected, recurrent, hidden, live)


def gru_plain(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: OptionalTensor = None) -> Tensor:
    """Return `h' = (1 − z) ⊙ n + z ⊙ h`, where `n = tanh(W x + r ⊙ U h)`."""
    size = hidden.shape[-1]
    projected, recurrent = projected.to(hidden.dtype), recurrent.to(hidden.dtype)
    gates = torch.sigmoid(projected[:, : 2 * size] + recurrent[:, : 2 * size])
    reset_gate, update_gate = gates.chunk(2, dim=-1)
    candidate = torch.tanh(torch.addcmul(projected[:, 2 * size :], reset_gate, recurrent[:, 2 * size :]))
    return freeze_ended(live, torch.lerp(candidate, hidden, update_gate), hidden)


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, recurrent: Tensor, hidden: Tensor, live: OptionalTensor
    ) -> Tensor:
        new_hidden, gates, alive = _gru(projected, recurrent, hidden, live)
        ctx.save_for_backward(projected, recurrent, hidden, live, gates, alive)
        return new_hidden

    @staticmethod
    def backward(ctx: Any, d_new_hidden: Tensor) -> tuple[Tensor | None, ...]:
        projected, recurrent, hidden, live, gates, alive = ctx.saved_tensors
        if is_double_backward():
            inputs = projected, recurrent, hidden
            return *double_backward(partial(gru_plain, live=live), inputs, (d_new_hidden,)), None
        d_projected, d_recurrent = (torch.empty_like(gates, dtype=projected.dtype) for _ in range(2))
        d_hidden = float32_buffer(hidden, *hidden.shape)
        saved = gates, recurrent.contiguous(), hidden.contiguous(), alive
        launcher(gates)(gru_backward, *saved, d_new_hidden.contiguous(), d_projected, d_recurrent, d_hidden)
        return d_projected, d_recurrent, d_hidden, None


def _gru(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, live: OptionalTensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the new hidden state, the gate activations, and which rows are live."""
    num_rows, size = hidden.shape
    gates, alive = float32_buffer(hidden, num_rows, 3 * size), live_rows(live, hidden)
    new_hidden = float32_buffer(hidden, num_rows, size)
    inputs = (tensor.contiguous() for tensor in (projected, recurrent, hidden, alive))
    launcher(hidden)(gru_forward, *inputs, gates, new_hidden, new_hidden)
    return new_hidden, gates, alive


@kernel
def gru_forward(projected, recurrent, hidden, alive, gates, new_hidden, cast_hidden):  # type: ignore[no-untyped-def]
    """new_hidden (R, H) = the step of a GRU from hidden (R, H), by projected and recurrent (R, 3H):

        r = σ(x_r + u_r)    z = σ(x_z + u_z)    n = tanh(x_n + r ⊙ u_n)
        h' = n + z ⊙ (h − n)

    Rows with `alive` (R,) False keep h. `gates` (R, 3H), in float32 or 16 bits, receives r, z, n for the backward
    pass; None without one. `cast_hidden` (R, H), which may be `new_hidden`, receives h' in its own dtype.
    """
    num_rows, size = hidden.shape
    activations = np.empty(3 * size, np.float32)
    for r in parallel_range(num_rows):
        h, new_h, cast_h = hidden[r], new_hidden[r], cast_hidden[r]
        if not alive[r]:
            for j in range(size):
                new_h[j] = h[j]
            for j in range(size):
                cast_h[j] = cast_like(cast_h, new_h[j])
            continue
        x, u = projected[r], recurrent[r]
        reset_gate, update_gate = activations[:size], activations[size : 2 * size]
        for j in range(size):
            reset_gate[j] = sigmoid(to_float32(x[j]) + to_float32(u[j]))
        x_z, u_z = x[size : 2 * size], u[size : 2 * size]
        for j in range(size):
            update_gate[j] = sigmoid(to_float32(x_z[j]) + to_float32(u_z[j]))
        candidate, x_n, u_n = activations[2 * size :], x[2 * size :], u[2 * size :]
        for j in range(size):
            candidate[j] = tanh(to_float32(x_n[j]) + reset_gate[j] * to_float32(u_n[j]))
        if gates is not None:
            save_gates(activations[: 2 * size], gates[r, : 2 * size], f32(0))
            save_gates(candidate, gates[r, 2 * size :], f32(-1))
        for j in range(size):
            new_h[j] = candidate[j] + update_gate[j] * (h[j] - candidate[j])
        for j in range(size):
            cast_h[j] = cast_like(cast_h, new_h[j])


@kernel
def gru_backward(gates, recurrent, hidden, alive, d_new_hidden, d_projected, d_recurrent, d_hidden):  # type: ignore[no-untyped-def]
    """Backward of `gru_forward`: from d_new_hidden (R, H) to d_projected, d_recurrent (R, 3H) and d_hidden (R, H).

    `gates` (R, 3H) are the saved activations. d_hidden is what reaches h directly, not through its product with U.
    """
    num_rows, size = hidden.shape
    activations = np.empty(3 * size, np.float32)
    for r in parallel_range(num_rows):
        dx, du, dh = d_projected[r], d_recurrent[r], d_hidden[r]
        h, d = hidden[r], d_new_hidden[r]
        if not alive[r]:  # forward: h' = h
            for j in range(3 * size):
                dx[j] = cast_like(dx, f32(0))
            for j in range(3 * size):
                du[j] = cast_like(du, f32(0))
            for j in range(size):
                dh[j] = d[j]
            continue
        reset_gate, update_gate = activations[:size], activations[size : 2 * size]
        candidate = activations[2 * size :]
        load_gates(gates[r, : 2 * size], activations[: 2 * size], f32(0))
        load_gates(gates[r, 2 * size :], candidate, f32(-1))
        # forward: h' = n + z ⊙ (h − n), n = tanh(a_n); the row of d_hidden holds d a_n meanwhile
        for j in range(size):
            dh[j] = d[j] * (f32(1) - update_gate[j]) * (f32(1) - candidate[j] * candidate[j])
        # forward: a_n = x_n + r ⊙ u_n, r = σ(a_r)
        u_n, dx_n, du_n = recurrent[r, 2 * size :], dx[2 * size :], du[2 * size :]
        for j in range(size):
            dx_n[j] = cast_like(dx, dh[j])
        for j in range(size):
            du_n[j] = cast_like(du, dh[j] * reset_gate[j])
        for j in range(size):
            dx[j] = cast_like(dx, dh[j] * to_float32(u_n[j]) * reset_gate[j] * (f32(1) - reset_gate[j]))
        # forward: h' = n + z ⊙ (h − n), z = σ(a_z)
        dx_z = dx[size : 2 * size]
        for j in range(size):
            dx_z[j] = cast_like(dx, d[j] * (h[j] - candidate[j]) * update_gate[j] * (f32(1) - update_gate[j]))
        # forward: a_r = x_r + u_r, a_z = x_z + u_z
        for j in range(2 * size):
            du[j] = dx[j]
        for j in range(size):
            dh[j] = d[j] * update_gate[j]
