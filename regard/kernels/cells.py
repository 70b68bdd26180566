"""The elementwise part of a recurrent step, from the products of the gates to the new state.

`live` (R, 1) is False in rows that have ended: they keep their state.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.kernels import policy
from regard.kernels.compiled import (
    cast_like,
    dequantize,
    f32,
    inner,
    kernel,
    prange,
    quantize,
    sigmoid,
    tanh,
    to_float32,
)
from regard.kernels.derivatives import double_backward, is_double_backward
from regard.kernels.operations import operations

Live = Tensor | None


def lstm(
    projected: Float[Tensor, "R G"],
    recurrent: Float[Tensor, "R G"],
    hidden: Float[Tensor, "R H"],
    cell: Float[Tensor, "R H"],
    live: Bool[Tensor, "R 1"] | None = None,
) -> tuple[Float[Tensor, "R H"], Float[Tensor, "R H"]]:
    """`h', c'` of a long short-term memory, given the products W x and U h of its gates (G = 4H)."""
    if policy.fused(projected, recurrent, hidden, cell):
        if not torch.is_grad_enabled():
            return _lstm(projected, recurrent, hidden, cell, live)[:2]
        return _LSTM.apply(*_alike(projected, recurrent), hidden, cell, live)  # type: ignore[no-any-return]
    return lstm_plain(projected, recurrent, hidden, cell, live)


def lstm_plain(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live = None
) -> tuple[Tensor, Tensor]:
    """`c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`."""
    projected, recurrent = projected.to(cell.dtype), recurrent.to(cell.dtype)
    enter, forget, candidate, leave = (projected + recurrent).chunk(4, dim=-1)
    new_cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    new_hidden = torch.sigmoid(leave) * torch.tanh(new_cell)
    return _kept(live, new_hidden, hidden), _kept(live, new_cell, cell)


def gru(
    projected: Float[Tensor, "R G"],
    recurrent: Float[Tensor, "R G"],
    hidden: Float[Tensor, "R H"],
    live: Bool[Tensor, "R 1"] | None = None,
) -> Float[Tensor, "R H"]:
    """`h'` of a gated recurrent unit, given the products W x and U h of its gates (G = 3H)."""
    if policy.fused(projected, recurrent, hidden):
        if not torch.is_grad_enabled():
            return _gru(projected, recurrent, hidden, live)[0]
        return _GRU.apply(*_alike(projected, recurrent), hidden, live)  # type: ignore[no-any-return]
    return gru_plain(projected, recurrent, hidden, live)


def gru_plain(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live = None) -> Tensor:
    """`n = tanh(W x + r ⊙ U h)`, `h' = (1 − z) ⊙ n + z ⊙ h`."""
    size = hidden.shape[-1]
    projected, recurrent = projected.to(hidden.dtype), recurrent.to(hidden.dtype)
    gates = torch.sigmoid(projected[:, : 2 * size] + recurrent[:, : 2 * size])
    reset, keep = gates.chunk(2, dim=-1)
    new = torch.tanh(torch.addcmul(projected[:, 2 * size :], reset, recurrent[:, 2 * size :]))
    return _kept(live, torch.lerp(new, hidden, keep), hidden)


def _kept(live: Live, new: Tensor, old: Tensor) -> Tensor:
    return new if live is None else torch.where(live, new, old)


def _alike(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
    """Both products in one type."""
    dtype = torch.promote_types(projected.dtype, recurrent.dtype)
    return projected.to(dtype), recurrent.to(dtype)


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live
    ) -> tuple[Tensor, Tensor]:
        made = _lstm(projected, recurrent, hidden, cell, live)
        ctx.save_for_backward(projected, recurrent, hidden, cell, live, *made)
        return made[:2]

    @staticmethod
    def backward(ctx: Any, d_hidden: Tensor, d_cell: Tensor) -> tuple[Tensor | None, ...]:
        projected, recurrent, hidden, cell, live, _, new, gates, alive = ctx.saved_tensors
        if is_double_backward():
            inputs = projected, recurrent, hidden, cell
            return *double_backward(partial(lstm_plain, live=live), inputs, (d_hidden, d_cell)), None
        d_gates = torch.empty_like(gates, dtype=projected.dtype)
        d_kept, d_old = torch.empty_like(new), torch.empty_like(new)
        given = gates, cell.contiguous(), new, alive, d_hidden.contiguous(), d_cell.contiguous()
        operations(new)(_lstm_backward, *given, d_gates, d_kept, d_old)
        return d_gates, d_gates, (None if live is None else d_kept), d_old, None


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
        d_old = _room(hidden, *hidden.shape)
        given = gates, recurrent.contiguous(), hidden.contiguous(), alive, d_new.contiguous()
        operations(gates)(_gru_backward, *given, d_projected, d_recurrent, d_old)
        return d_projected, d_recurrent, d_old, None


def _lstm(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """New hidden state and cell, the gates, and which rows live."""
    rows, size = cell.shape
    gates, alive = _room(cell, rows, 4 * size), _alive(live, cell)
    new_hidden, new_cell = _room(cell, rows, size), _room(cell, rows, size)
    given = (tensor.contiguous() for tensor in (projected, recurrent, hidden, cell, alive))
    operations(cell)(_lstm_forward, *given, gates, new_hidden, new_cell, new_hidden)
    return new_hidden, new_cell, gates, alive


def _gru(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live) -> tuple[Tensor, Tensor, Tensor]:
    """The new hidden state, the gates, and which rows live."""
    rows, size = hidden.shape
    gates, new, alive = _room(hidden, rows, 3 * size), _room(hidden, rows, size), _alive(live, hidden)
    given = (tensor.contiguous() for tensor in (projected, recurrent, hidden, alive))
    operations(hidden)(_gru_forward, *given, gates, new, new)
    return new, gates, alive


def _alive(live: Live, state: Tensor) -> Tensor:
    rows = len(state)
    if live is None:
        return torch.ones(rows, dtype=torch.bool, device=state.device)
    return live.reshape(rows).contiguous()


def _room(state: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, device=state.device)


# Each loop below touches few arrays, from 0 on, so that the compiler can tell them apart and use vector instructions.


@inner
def _keep(acts, gates, least):  # type: ignore[no-untyped-def]
    """Gates of one kind, sigmoids from 0 on or tanhs from -1 on, as they are kept for the way back."""
    for j in range(len(acts)):
        gates[j] = quantize(gates, acts[j], least)


@inner
def _as_kept(gates, acts, least):  # type: ignore[no-untyped-def]
    for j in range(len(acts)):
        acts[j] = dequantize(gates[j], least)


@kernel
def _lstm_forward(projected, recurrent, hidden, cell, alive, gates, new_hidden, new_cell, read):  # type: ignore[no-untyped-def]
    """`read` is the new hidden state once more, in the numbers that products read; it may be the same array.

    Without `gates` nobody will go back; they may be kept in 16 bits.
    """
    rows, size = cell.shape
    for r in prange(rows):
        c, h, old, before, low = new_cell[r], new_hidden[r], cell[r], hidden[r], read[r]
        x, u = projected[r], recurrent[r]
        acts = np.empty(4 * size, np.float32)
        if not alive[r]:
            for j in range(size):
                c[j] = old[j]
            for j in range(size):
                h[j] = before[j]
            for j in range(size):
                low[j] = cast_like(low, h[j])
            continue
        enter, x_enter, u_enter = acts[:size], x[:size], u[:size]
        for j in range(size):
            enter[j] = sigmoid(to_float32(x_enter[j]) + to_float32(u_enter[j]))
        forget, x_forget, u_forget = acts[size : 2 * size], x[size : 2 * size], u[size : 2 * size]
        for j in range(size):
            forget[j] = sigmoid(to_float32(x_forget[j]) + to_float32(u_forget[j]))
        new, x_new, u_new = acts[2 * size : 3 * size], x[2 * size : 3 * size], u[2 * size : 3 * size]
        for j in range(size):
            new[j] = tanh(to_float32(x_new[j]) + to_float32(u_new[j]))
        leave, x_leave, u_leave = acts[3 * size :], x[3 * size :], u[3 * size :]
        for j in range(size):
            leave[j] = sigmoid(to_float32(x_leave[j]) + to_float32(u_leave[j]))
        if gates is not None:
            kept = gates[r]
            _keep(acts[: 2 * size], kept[: 2 * size], f32(0))
            _keep(new, kept[2 * size : 3 * size], f32(-1))
            _keep(leave, kept[3 * size :], f32(0))
        for j in range(size):
            c[j] = forget[j] * old[j] + enter[j] * new[j]
        for j in range(size):
            h[j] = leave[j] * tanh(c[j])
        for j in range(size):
            low[j] = cast_like(low, h[j])


@kernel
def _lstm_backward(gates, old, new, alive, d_hidden, d_cell, d_gates, d_kept, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    for r in prange(rows):
        dg, dc, dk = d_gates[r], d_old[r], d_kept[r]
        dh, d_after, before, after = d_hidden[r], d_cell[r], old[r], new[r]
        if not alive[r]:
            for j in range(4 * size):
                dg[j] = cast_like(dg, f32(0))
            for j in range(size):
                dc[j] = d_after[j]
            for j in range(size):
                dk[j] = dh[j]
            continue
        kept, acts = gates[r], np.empty(4 * size, np.float32)
        enter, forget = acts[:size], acts[size : 2 * size]
        candidate, leave = acts[2 * size : 3 * size], acts[3 * size :]
        _as_kept(kept[: 2 * size], acts[: 2 * size], f32(0))
        _as_kept(kept[2 * size : 3 * size], candidate, f32(-1))
        _as_kept(kept[3 * size :], leave, f32(0))
        for j in range(size):
            dk[j] = tanh(after[j])
        d_leave = dg[3 * size :]
        for j in range(size):
            d_leave[j] = cast_like(dg, dh[j] * dk[j] * leave[j] * (f32(1) - leave[j]))
        for j in range(size):
            dc[j] = dh[j] * leave[j] * (f32(1) - dk[j] * dk[j]) + d_after[j]
        for j in range(size):
            dk[j] = f32(0)
        d_enter, d_forget, d_candidate = dg[:size], dg[size : 2 * size], dg[2 * size : 3 * size]
        for j in range(size):
            d_enter[j] = cast_like(dg, dc[j] * candidate[j] * enter[j] * (f32(1) - enter[j]))
        for j in range(size):
            d_candidate[j] = cast_like(dg, dc[j] * enter[j] * (f32(1) - candidate[j] * candidate[j]))
        for j in range(size):
            d_forget[j] = cast_like(dg, dc[j] * before[j] * forget[j] * (f32(1) - forget[j]))
        for j in range(size):
            dc[j] *= forget[j]


@kernel
def _gru_forward(projected, recurrent, hidden, alive, gates, new, read):  # type: ignore[no-untyped-def]
    """As `_lstm_forward`."""
    rows, size = hidden.shape
    for r in prange(rows):
        h, old, low = new[r], hidden[r], read[r]
        if not alive[r]:
            for j in range(size):
                h[j] = old[j]
            for j in range(size):
                low[j] = cast_like(low, h[j])
            continue
        x, u = projected[r], recurrent[r]
        acts = np.empty(3 * size, np.float32)
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
            _keep(acts[: 2 * size], gates[r, : 2 * size], f32(0))
            _keep(candidate, gates[r, 2 * size :], f32(-1))
        for j in range(size):
            h[j] = candidate[j] + keep[j] * (old[j] - candidate[j])
        for j in range(size):
            low[j] = cast_like(low, h[j])


@kernel
def _gru_backward(gates, products, old, alive, d_new, d_projected, d_recurrent, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    for r in prange(rows):
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
        acts = np.empty(3 * size, np.float32)
        reset, keep, candidate = acts[:size], acts[size : 2 * size], acts[2 * size :]
        _as_kept(gates[r, : 2 * size], acts[: 2 * size], f32(0))
        _as_kept(gates[r, 2 * size :], candidate, f32(-1))
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
