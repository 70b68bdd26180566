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


def lstm(
    projected: Float[Tensor, "R G"],
    recurrent: Float[Tensor, "R G"],
    hidden: Float[Tensor, "R H"],
    cell: Float[Tensor, "R H"],
    live: Bool[Tensor, "R 1"] | None = None,
) -> tuple[Float[Tensor, "R H"], Float[Tensor, "R H"]]:
    """Return `h', c'` of a long short-term memory, given the products W x and U h of its gates (G = 4H).

    Rows that are not `live` keep their state. Raises ShapeError.
    """
    if dispatch.fused(projected, recurrent, hidden, cell):
        check_cell_shapes("lstm", 4, projected, recurrent, live, hidden, cell)
        if not torch.is_grad_enabled():
            return _lstm(projected, recurrent, hidden, cell, live)[:2]
        return _LSTM.apply(*promote(projected, recurrent), hidden, cell, live)  # type: ignore[no-any-return]
    return lstm_plain(projected, recurrent, hidden, cell, live)


def lstm_plain(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: OptionalTensor = None
) -> tuple[Tensor, Tensor]:
    """Return `c' = f ⊙ c + i ⊙ g` and `h' = o ⊙ tanh(c')`, h' first."""
    projected, recurrent = projected.to(cell.dtype), recurrent.to(cell.dtype)
    input_gate, forget_gate, candidate, output_gate = (projected + recurrent).chunk(4, dim=-1)
    new_cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(candidate)
    new_hidden = torch.sigmoid(output_gate) * torch.tanh(new_cell)
    return freeze_ended(live, new_hidden, hidden), freeze_ended(live, new_cell, cell)


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: OptionalTensor
    ) -> tuple[Tensor, Tensor]:
        new_hidden, new_cell, gates, alive = _lstm(projected, recurrent, hidden, cell, live)
        ctx.save_for_backward(projected, recurrent, hidden, cell, live, new_cell, gates, alive)
        return new_hidden, new_cell

    @staticmethod
    def backward(ctx: Any, d_new_hidden: Tensor, d_new_cell: Tensor) -> tuple[Tensor | None, ...]:
        projected, recurrent, hidden, cell, live, new_cell, gates, alive = ctx.saved_tensors
        if is_double_backward():
            inputs = projected, recurrent, hidden, cell
            grads = d_new_hidden, d_new_cell
            return *double_backward(partial(lstm_plain, live=live), inputs, grads), None
        d_gates = torch.empty_like(gates, dtype=projected.dtype)
        d_hidden, d_cell = torch.empty_like(new_cell), torch.empty_like(new_cell)
        saved = gates, cell.contiguous(), new_cell, alive
        grads = d_new_hidden.contiguous(), d_new_cell.contiguous()
        launcher(new_cell)(lstm_backward, *saved, *grads, d_gates, d_hidden, d_cell)
        return d_gates, d_gates, (None if live is None else d_hidden), d_cell, None


def _lstm(
    projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: OptionalTensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the new hidden state and cell, the gate activations, and which rows are live."""
    num_rows, size = cell.shape
    gates, alive = float32_buffer(cell, num_rows, 4 * size), live_rows(live, cell)
    new_hidden, new_cell = float32_buffer(cell, num_rows, size), float32_buffer(cell, num_rows, size)
    inputs = (tensor.contiguous() for tensor in (projected, recurrent, hidden, cell, alive))
    launcher(cell)(lstm_forward, *inputs, gates, new_hidden, new_cell, new_hidden)
    return new_hidden, new_cell, gates, alive


@kernel
def lstm_forward(projected, recurrent, hidden, cell, alive, gates, new_hidden, new_cell, cast_hidden):  # type: ignore[no-untyped-def]
    """new_hidden, new_cell (R, H) = the step of an LSTM from hidden, cell (R, H), by projected + recurrent (R, 4H):

        i = σ(x_i + u_i)    f = σ(x_f + u_f)    g = tanh(x_g + u_g)    o = σ(x_o + u_o)
        c' = f ⊙ c + i ⊙ g
        h' = o ⊙ tanh(c')

    Rows with `alive` (R,) False keep h and c. `gates` (R, 4H), in float32 or 16 bits, receives i, f, g, o for the
    backward pass; None without one. `cast_hidden` (R, H), which may be `new_hidden`, receives h' in its own dtype.
    """
    num_rows, size = cell.shape
    activations = np.empty(4 * size, np.float32)
    for r in parallel_range(num_rows):
        h, c, new_h, new_c, cast_h = hidden[r], cell[r], new_hidden[r], new_cell[r], cast_hidden[r]
        x, u = projected[r], recurrent[r]
        if not alive[r]:
            for j in range(size):
                new_c[j] = c[j]
            for j in range(size):
                new_h[j] = h[j]
            for j in range(size):
                cast_h[j] = cast_like(cast_h, new_h[j])
            continue
        input_gate, x_i, u_i = activations[:size], x[:size], u[:size]
        for j in range(size):
            input_gate[j] = sigmoid(to_float32(x_i[j]) + to_float32(u_i[j]))
        forget_gate, x_f, u_f = activations[size : 2 * size], x[size : 2 * size], u[size : 2 * size]
        for j in range(size):
            forget_gate[j] = sigmoid(to_float32(x_f[j]) + to_float32(u_f[j]))
        candidate, x_g, u_g = (
            activations[2 * size : 3 * size],
            x[2 * size : 3 * size],
            u[2 * size : 3 * size],
        )
        for j in range(size):
            candidate[j] = tanh(to_float32(x_g[j]) + to_float32(u_g[j]))
        output_gate, x_o, u_o = activations[3 * size :], x[3 * size :], u[3 * size :]
        for j in range(size):
            output_gate[j] = sigmoid(to_float32(x_o[j]) + to_float32(u_o[j]))
        if gates is not None:
            saved = gates[r]
            save_gates(activations[: 2 * size], saved[: 2 * size], f32(0))
            save_gates(candidate, saved[2 * size : 3 * size], f32(-1))
            save_gates(output_gate, saved[3 * size :], f32(0))
        for j in range(size):
            new_c[j] = forget_gate[j] * c[j] + input_gate[j] * candidate[j]
        for j in range(size):
            new_h[j] = output_gate[j] * tanh(new_c[j])
        for j in range(size):
            cast_h[j] = cast_like(cast_h, new_h[j])


@kernel
def lstm_backward(gates, cell, new_cell, alive, d_new_hidden, d_new_cell, d_gates, d_hidden, d_cell):  # type: ignore[no-untyped-def]
    """Backward of `lstm_forward`: from d_new_hidden, d_new_cell (R, H) to d_gates (R, 4H), d_hidden, d_cell (R, H).

    `gates` (R, 4H) are the saved activations, `cell` and `new_cell` (R, H) the cell before and after the step.
    d_gates is the gradient of `projected` and of `recurrent`. d_hidden is 0 except in rows that keep their state: h
    enters a live row only through its product with U.
    """
    num_rows, size = cell.shape
    activations = np.empty(4 * size, np.float32)
    for r in parallel_range(num_rows):
        dg, dh, dc = d_gates[r], d_hidden[r], d_cell[r]
        d_new_h, d_new_c, c, new_c = d_new_hidden[r], d_new_cell[r], cell[r], new_cell[r]
        if not alive[r]:  # forward: h' = h, c' = c
            for j in range(4 * size):
                dg[j] = cast_like(dg, f32(0))
            for j in range(size):
                dc[j] = d_new_c[j]
            for j in range(size):
                dh[j] = d_new_h[j]
            continue
        saved = gates[r]
        input_gate, forget_gate = activations[:size], activations[size : 2 * size]
        candidate, output_gate = activations[2 * size : 3 * size], activations[3 * size :]
        load_gates(saved[: 2 * size], activations[: 2 * size], f32(0))
        load_gates(saved[2 * size : 3 * size], candidate, f32(-1))
        load_gates(saved[3 * size :], output_gate, f32(0))
        d_input_gate, d_forget_gate = dg[:size], dg[size : 2 * size]
        d_candidate, d_output_gate = dg[2 * size : 3 * size], dg[3 * size :]
        # forward: h' = o ⊙ tanh(c'), o = σ(a_o); the row of d_hidden holds tanh(c') meanwhile
        for j in range(size):
            dh[j] = tanh(new_c[j])
        for j in range(size):
            d_output_gate[j] = cast_like(dg, d_new_h[j] * dh[j] * output_gate[j] * (f32(1) - output_gate[j]))
        for j in range(size):
            dc[j] = d_new_h[j] * output_gate[j] * (f32(1) - dh[j] * dh[j]) + d_new_c[j]
        for j in range(size):
            dh[j] = f32(0)
        # forward: c' = f ⊙ c + i ⊙ g, i = σ(a_i), f = σ(a_f), g = tanh(a_g)
        for j in range(size):
            d_input_gate[j] = cast_like(dg, dc[j] * candidate[j] * input_gate[j] * (f32(1) - input_gate[j]))
        for j in range(size):
            d_candidate[j] = cast_like(dg, dc[j] * input_gate[j] * (f32(1) - candidate[j] * candidate[j]))
        for j in range(size):
            d_forget_gate[j] = cast_like(dg, dc[j] * c[j] * forget_gate[j] * (f32(1) - forget_gate[j]))
        for j in range(size):
            dc[j] *= forget_gate[j]
