"""The elementwise part of a recurrent step, from the products of the gates to the new state.

`live` (R, 1) is False in rows that have ended: they keep their state.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.kernels import policy
from regard.kernels.compiled import array, f32, kernel, prange, sigmoid, tanh
from regard.kernels.derivatives import through, wanted_again

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
        return _LSTM.apply(projected.float(), recurrent.float(), hidden, cell, live)  # type: ignore[no-any-return]
    return lstm_plain(projected, recurrent, hidden, cell, live)


def lstm_plain(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live = None
) -> tuple[Tensor, Tensor]:
    """`c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`."""
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
        return _GRU.apply(projected.float(), recurrent.float(), hidden, live)  # type: ignore[no-any-return]
    return gru_plain(projected, recurrent, hidden, live)


def gru_plain(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live = None) -> Tensor:
    """`n = tanh(W x + r ⊙ U h)`, `h' = (1 − z) ⊙ n + z ⊙ h`."""
    size = hidden.shape[-1]
    gates = torch.sigmoid(projected[:, : 2 * size] + recurrent[:, : 2 * size])
    reset, keep = gates.chunk(2, dim=-1)
    new = torch.tanh(torch.addcmul(projected[:, 2 * size :], reset, recurrent[:, 2 * size :]))
    return _kept(live, torch.lerp(new, hidden, keep), hidden)


def _kept(live: Live, new: Tensor, old: Tensor) -> Tensor:
    return new if live is None else torch.where(live, new, old)


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
        if wanted_again():
            inputs = projected, recurrent, hidden, cell
            return *through(partial(lstm_plain, live=live), inputs, (d_hidden, d_cell)), None
        d_gates, d_kept, d_old = torch.empty_like(gates), torch.empty_like(new), torch.empty_like(new)
        given = gates, cell.contiguous(), new, alive, d_hidden.contiguous(), d_cell.contiguous()
        _lstm_backward(*map(array, given), *map(array, (d_gates, d_kept, d_old)))
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
        if wanted_again():
            inputs = projected, recurrent, hidden
            return *through(partial(gru_plain, live=live), inputs, (d_new,)), None
        d_projected, d_recurrent = torch.empty_like(gates), torch.empty_like(gates)
        d_old = torch.empty(hidden.shape)
        given = gates, recurrent.contiguous(), hidden.contiguous(), alive, d_new.contiguous()
        _gru_backward(*map(array, given), *map(array, (d_projected, d_recurrent, d_old)))
        return d_projected, d_recurrent, d_old, None


def _lstm(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """New hidden state and cell, the gates, and which rows live."""
    rows, size = cell.shape
    gates, alive = torch.empty(rows, 4 * size), _alive(live, rows)
    new_hidden, new_cell = torch.empty(rows, size), torch.empty(rows, size)
    given = (tensor.contiguous() for tensor in (projected, recurrent, hidden, cell, alive))
    _lstm_forward(*map(array, given), array(gates), array(new_hidden), array(new_cell))
    return new_hidden, new_cell, gates, alive


def _gru(projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live) -> tuple[Tensor, Tensor, Tensor]:
    """The new hidden state, the gates, and which rows live."""
    rows, size = hidden.shape
    gates, new, alive = torch.empty(rows, 3 * size), torch.empty(rows, size), _alive(live, rows)
    given = (tensor.contiguous() for tensor in (projected, recurrent, hidden, alive))
    _gru_forward(*map(array, given), array(gates), array(new))
    return new, gates, alive


def _alive(live: Live, rows: int) -> Tensor:
    return torch.ones(rows, dtype=torch.bool) if live is None else live.reshape(rows).contiguous()


# Each loop below touches few arrays, so that the compiler can tell them apart and use vector instructions.


@kernel
def _lstm_forward(projected, recurrent, hidden, cell, alive, gates, new_hidden, new_cell):  # type: ignore[no-untyped-def]
    rows, size = cell.shape
    for r in prange(rows):
        c, h, g = new_cell[r], new_hidden[r], gates[r]
        x, u, old, kept = projected[r], recurrent[r], cell[r], hidden[r]
        if not alive[r]:
            for j in range(size):
                c[j] = old[j]
            for j in range(size):
                h[j] = kept[j]
            continue
        for j in range(2 * size):
            g[j] = sigmoid(x[j] + u[j])
        for j in range(2 * size, 3 * size):
            g[j] = tanh(x[j] + u[j])
        for j in range(3 * size, 4 * size):
            g[j] = sigmoid(x[j] + u[j])
        for j in range(size):
            c[j] = g[size + j] * old[j] + g[j] * g[2 * size + j]
        for j in range(size):
            h[j] = g[3 * size + j] * tanh(c[j])


@kernel
def _lstm_backward(gates, old, new, alive, d_hidden, d_cell, d_gates, d_kept, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    for r in prange(rows):
        g, dg, dc, dk = gates[r], d_gates[r], d_old[r], d_kept[r]
        dh, d_after, before, after = d_hidden[r], d_cell[r], old[r], new[r]
        if not alive[r]:
            for j in range(4 * size):
                dg[j] = f32(0)
            for j in range(size):
                dc[j] = d_after[j]
            for j in range(size):
                dk[j] = dh[j]
            continue
        for j in range(size):
            dk[j] = f32(0)
        for j in range(size):
            t = tanh(after[j])
            leave = g[3 * size + j]
            dg[3 * size + j] = dh[j] * t * leave * (f32(1) - leave)
            dc[j] = dh[j] * leave * (f32(1) - t * t)
        for j in range(size):
            dc[j] += d_after[j]
        for j in range(size):
            enter, candidate = g[j], g[2 * size + j]
            dg[j] = dc[j] * candidate * enter * (f32(1) - enter)
            dg[2 * size + j] = dc[j] * enter * (f32(1) - candidate * candidate)
        for j in range(size):
            forget = g[size + j]
            dg[size + j] = dc[j] * before[j] * forget * (f32(1) - forget)
            dc[j] *= forget


@kernel
def _gru_forward(projected, recurrent, hidden, alive, gates, new):  # type: ignore[no-untyped-def]
    rows, size = hidden.shape
    for r in prange(rows):
        h, g, old = new[r], gates[r], hidden[r]
        if not alive[r]:
            for j in range(size):
                h[j] = old[j]
            continue
        x, u = projected[r], recurrent[r]
        for j in range(2 * size):
            g[j] = sigmoid(x[j] + u[j])
        for j in range(size):
            g[2 * size + j] = tanh(x[2 * size + j] + g[j] * u[2 * size + j])
        for j in range(size):
            candidate = g[2 * size + j]
            h[j] = candidate + g[size + j] * (old[j] - candidate)


@kernel
def _gru_backward(gates, products, old, alive, d_new, d_projected, d_recurrent, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    for r in prange(rows):
        g, dx, du, dh = gates[r], d_projected[r], d_recurrent[r], d_old[r]
        u, before, d = products[r], old[r], d_new[r]
        if not alive[r]:
            for j in range(3 * size):
                dx[j] = f32(0)
            for j in range(3 * size):
                du[j] = f32(0)
            for j in range(size):
                dh[j] = d[j]
            continue
        for j in range(size):
            keep, candidate = g[size + j], g[2 * size + j]
            dx[2 * size + j] = d[j] * (f32(1) - keep) * (f32(1) - candidate * candidate)
        for j in range(size):
            reset = g[j]
            dx[j] = dx[2 * size + j] * u[2 * size + j] * reset * (f32(1) - reset)
        for j in range(size):
            keep, candidate = g[size + j], g[2 * size + j]
            dx[size + j] = d[j] * (before[j] - candidate) * keep * (f32(1) - keep)
        for j in range(2 * size):
            du[j] = dx[j]
        for j in range(size):
            du[2 * size + j] = dx[2 * size + j] * g[j]
        for j in range(size):
            dh[j] = d[j] * g[size + j]
