"""Long short-term memory."""

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


def lstm(
    projected: Float[Tensor, "R G"],
    recurrent: Float[Tensor, "R G"],
    hidden: Float[Tensor, "R H"],
    cell: Float[Tensor, "R H"],
    live: Bool[Tensor, "R 1"] | None = None,
) -> tuple[Float[Tensor, "R H"], Float[Tensor, "R H"]]:
    """`h', c'` of a long short-term memory, given the products W x and U h of its gates (G = 4H)."""
    if dispatch.fused(projected, recurrent, hidden, cell):
        if not torch.is_grad_enabled():
            return _lstm(projected, recurrent, hidden, cell, live)[:2]
        return _LSTM.apply(*promote(projected, recurrent), hidden, cell, live)  # type: ignore[no-any-return]
    return lstm_plain(projected, recurrent, hidden, cell, live)


def lstm_plain(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live = None
) -> tuple[Tensor, Tensor]:
    """`c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`."""
    projected, recurrent = projected.to(cell.dtype), recurrent.to(cell.dtype)
    enter, forget, candidate, leave = (projected + recurrent).chunk(4, dim=-1)
    new_cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    new_hidden = torch.sigmoid(leave) * torch.tanh(new_cell)
    return freeze_ended(live, new_hidden, hidden), freeze_ended(live, new_cell, cell)


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
        launcher(new)(lstm_backward, *given, d_gates, d_kept, d_old)
        return d_gates, d_gates, (None if live is None else d_kept), d_old, None


def _lstm(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """New hidden state and cell, the gates, and which rows live."""
    rows, size = cell.shape
    gates, alive = float32_buffer(cell, rows, 4 * size), live_rows(live, cell)
    new_hidden, new_cell = float32_buffer(cell, rows, size), float32_buffer(cell, rows, size)
    given = (tensor.contiguous() for tensor in (projected, recurrent, hidden, cell, alive))
    launcher(cell)(lstm_forward, *given, gates, new_hidden, new_cell, new_hidden)
    return new_hidden, new_cell, gates, alive


@kernel
def lstm_forward(projected, recurrent, hidden, cell, alive, gates, new_hidden, new_cell, read):  # type: ignore[no-untyped-def]
    """`read` is the new hidden state once more, in the numbers that products read; it may be the same array.

    Without `gates` nobody will go back; they may be kept in 16 bits.
    """
    rows, size = cell.shape
    acts = np.empty(4 * size, np.float32)
    for r in parallel_range(rows):
        c, h, old, before, low = new_cell[r], new_hidden[r], cell[r], hidden[r], read[r]
        x, u = projected[r], recurrent[r]
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
            save_gates(acts[: 2 * size], kept[: 2 * size], f32(0))
            save_gates(new, kept[2 * size : 3 * size], f32(-1))
            save_gates(leave, kept[3 * size :], f32(0))
        for j in range(size):
            c[j] = forget[j] * old[j] + enter[j] * new[j]
        for j in range(size):
            h[j] = leave[j] * tanh(c[j])
        for j in range(size):
            low[j] = cast_like(low, h[j])


@kernel
def lstm_backward(gates, old, new, alive, d_hidden, d_cell, d_gates, d_kept, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    acts = np.empty(4 * size, np.float32)
    for r in parallel_range(rows):
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
        kept = gates[r]
        enter, forget = acts[:size], acts[size : 2 * size]
        candidate, leave = acts[2 * size : 3 * size], acts[3 * size :]
        load_gates(kept[: 2 * size], acts[: 2 * size], f32(0))
        load_gates(kept[2 * size : 3 * size], candidate, f32(-1))
        load_gates(kept[3 * size :], leave, f32(0))
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
