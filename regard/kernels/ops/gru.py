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
    Live,
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
    """`h'` of a gated recurrent unit, given the products W x and U h of its gates (G = 3H)."""
    if dispatch.fused(projected, recurrent, hidden):
        if not torch.is_grad_enabled():
            return _gru(projected, recurrent, hidden, live)[0]
        return _GRU.apply(*promote(projected, recurrent), hidden, live)  # type: ignore[no-any-return]
    return gru_plain(projected, recurrent, hidden, live)


def gru_plain(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live = None) -> Tensor:
    """`n = tanh(W x + r ⊙ U h)`, `h' = (1 − z) ⊙ n + z ⊙ h`."""
    size = hidden.shape[-1]
    projected, recurrent = projected.to(hidden.dtype), recurrent.to(hidden.dtype)
    gates = torch.sigmoid(projected[:, : 2 * size] + recurrent[:, : 2 * size])
    reset, keep = gates.chunk(2, dim=-1)
    new = torch.tanh(torch.addcmul(projected[:, 2 * size :], reset, recurrent[:, 2 * size :]))
    return freeze_ended(live, torch.lerp(new, hidden, keep), hidden)


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live) -> Tensor:
        new, gates, alive = _gru(projected, recurrent, hidden, live)
        ctx.save_for_backward(projected, recurrent, hidden, live, gates, alive)
        return new

    @staticmethod
    def backward(ctx: Any, d_new: Tensor) -> tuple[Tensor | None, ...]:
        projected, recurrent, hidden, live, gates, alive = ctx.saved_tensors
        if is_double_backward():
            inputs = projected, recurrent, hidden
            return *double_backward(partial(gru_plain, live=live), inputs, (d_new,)), None
        d_projected, d_recurrent = (torch.empty_like(gates, dtype=projected.dtype) for _ in range(2))
        d_old = float32_buffer(hidden, *hidden.shape)
        given = gates, recurrent.contiguous(), hidden.contiguous(), alive, d_new.contiguous()
        launcher(gates)(gru_backward, *given, d_projected, d_recurrent, d_old)
        return d_projected, d_recurrent, d_old, None


def _gru(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live) -> tuple[Tensor, Tensor, Tensor]:
    """The new hidden state, the gates, and which rows live."""
    rows, size = hidden.shape
    gates, new, alive = (
        float32_buffer(hidden, rows, 3 * size),
        float32_buffer(hidden, rows, size),
        live_rows(live, hidden),
    )
    given = (tensor.contiguous() for tensor in (projected, recurrent, hidden, alive))
    launcher(hidden)(gru_forward, *given, gates, new, new)
    return new, gates, alive


@kernel
def gru_forward(projected, recurrent, hidden, alive, gates, new, read):  # type: ignore[no-untyped-def]
    """As `lstm_forward`."""
    rows, size = hidden.shape
    acts = np.empty(3 * size, np.float32)
    for r in parallel_range(rows):
        h, old, low = new[r], hidden[r], read[r]
        if not alive[r]:
            for j in range(size):
                h[j] = old[j]
            for j in range(size):
                low[j] = cast_like(low, h[j])
            continue
        x, u = projected[r], recurrent[r]
        reset, keep = acts[:size], acts[size : 2 * size]
        for j in range(size):
            reset[j] = sigmoid(to_float32(x[j]) + to_float32(u[j]))
        x_keep, u_keep = x[size : 2 * size], u[size : 2 * size]
        for j in range(size):
            keep[j] = sigmoid(to_float32(x_keep[j]) + to_float32(u_keep[j]))
        candidate, x_new, u_new = acts[2 * size :], x[2 * size :], u[2 * size :]
        for j in range(size):
            candidate[j] = tanh(to_float32(x_new[j]) + reset[j] * to_float32(u_new[j]))
        if gates is not None:
            save_gates(acts[: 2 * size], gates[r, : 2 * size], f32(0))
            save_gates(candidate, gates[r, 2 * size :], f32(-1))
        for j in range(size):
            h[j] = candidate[j] + keep[j] * (old[j] - candidate[j])
        for j in range(size):
            low[j] = cast_like(low, h[j])


@kernel
def gru_backward(gates, products, old, alive, d_new, d_projected, d_recurrent, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    acts = np.empty(3 * size, np.float32)
    for r in parallel_range(rows):
        dx, du, dh = d_projected[r], d_recurrent[r], d_old[r]
        before, d = old[r], d_new[r]
        if not alive[r]:
            for j in range(3 * size):
                dx[j] = cast_like(dx, f32(0))
            for j in range(3 * size):
                du[j] = cast_like(du, f32(0))
            for j in range(size):
                dh[j] = d[j]
            continue
        reset, keep, candidate = acts[:size], acts[size : 2 * size], acts[2 * size :]
        load_gates(gates[r, : 2 * size], acts[: 2 * size], f32(0))
        load_gates(gates[r, 2 * size :], candidate, f32(-1))
        u_new, dx_new, du_new = products[r, 2 * size :], dx[2 * size :], du[2 * size :]
        for j in range(size):
            dh[j] = d[j] * (f32(1) - keep[j]) * (f32(1) - candidate[j] * candidate[j])
        for j in range(size):
            dx_new[j] = cast_like(dx, dh[j])
        for j in range(size):
            du_new[j] = cast_like(du, dh[j] * reset[j])
        for j in range(size):
            dx[j] = cast_like(dx, dh[j] * to_float32(u_new[j]) * reset[j] * (f32(1) - reset[j]))
        dx_keep = dx[size : 2 * size]
        for j in range(size):
            dx_keep[j] = cast_like(dx, d[j] * (before[j] - candidate[j]) * keep[j] * (f32(1) - keep[j]))
        for j in range(2 * size):
            du[j] = dx[j]
        for j in range(size):
            dh[j] = d[j] * keep[j]
