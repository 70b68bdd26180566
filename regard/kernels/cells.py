"""The elementwise part of a recurrent step, from the products of the gates to the new state.

`live` (R, 1) is False in rows that have ended: they keep their state.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.kernels import policy
from regard.kernels.compiled import array, kernel, prange

if policy.compiled.AVAILABLE:
    from regard.kernels.compiled import f32, sigmoid, tanh

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
    def forward(  # type: ignore[override]
        ctx: Any, projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor, live: Live
    ) -> tuple[Tensor, Tensor]:
        rows, size = cell.shape
        inputs = [tensor.contiguous() for tensor in (projected, recurrent, hidden, cell)]
        alive = _alive(live, rows)
        gates, new_hidden, new_cell = cell.new_empty(rows, 4 * size), torch.empty_like(cell), torch.empty_like(cell)
        _lstm_forward(
            *map(array, inputs), array(alive), array(gates), array(new_hidden), array(new_cell)
        )
        ctx.save_for_backward(projected, recurrent, hidden, cell, live, gates, inputs[3], new_cell, alive)
        return new_hidden, new_cell

    @staticmethod
    def backward(ctx: Any, d_hidden: Tensor, d_cell: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        projected, recurrent, hidden, cell, live, gates, old, new, alive = ctx.saved_tensors
        if torch.is_grad_enabled():  # gradients of gradients
            return *_again(lstm_plain, (projected, recurrent, hidden, cell), live, (d_hidden, d_cell)), None
        d_gates, d_kept, d_old = torch.empty_like(gates), torch.empty_like(old), torch.empty_like(old)
        grads = (d_hidden.contiguous(), d_cell.contiguous())
        _lstm_backward(
            *map(array, (gates, old, new, alive, *grads)), array(d_gates), array(d_kept), array(d_old)
        )
        return d_gates, d_gates, (None if live is None else d_kept), d_old, None


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor, hidden: Tensor, live: Live) -> Tensor:  # type: ignore[override]
        rows, size = hidden.shape
        inputs = [tensor.contiguous() for tensor in (projected, recurrent, hidden)]
        alive = _alive(live, rows)
        gates, new = hidden.new_empty(rows, 3 * size), torch.empty_like(inputs[2])
        _gru_forward(*map(array, inputs), array(alive), array(gates), array(new))
        ctx.save_for_backward(projected, recurrent, hidden, live, gates, inputs[1], inputs[2], alive)
        return new

    @staticmethod
    def backward(ctx: Any, d_new: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        projected, recurrent, hidden, live, gates, products, old, alive = ctx.saved_tensors
        if torch.is_grad_enabled():  # gradients of gradients
            return *_again(gru_plain, (projected, recurrent, hidden), live, (d_new,)), None
        d_projected, d_recurrent = torch.empty_like(gates), torch.empty_like(gates)
        d_old = torch.empty_like(old)
        _gru_backward(
            *map(array, (gates, products, old, alive, d_new.contiguous())),
            *map(array, (d_projected, d_recurrent, d_old)),
        )
        return d_projected, d_recurrent, d_old, None


def _again(plain: Any, inputs: tuple[Tensor, ...], live: Live, grads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The gradients by way of the plain form, with a graph of their own."""
    with torch.enable_grad():
        leaves = [tensor.view_as(tensor) for tensor in inputs]
        needed = [leaf for leaf in leaves if leaf.requires_grad]
        made = plain(*leaves, live)
        outputs = made if isinstance(made, tuple) else (made,)
        found = iter(torch.autograd.grad(outputs, needed, grads, create_graph=True))
    return tuple(next(found) if leaf.requires_grad else None for leaf in leaves)  # type: ignore[misc]


def _alive(live: Live, rows: int) -> Tensor:
    return torch.ones(rows, dtype=torch.bool) if live is None else live.reshape(rows).contiguous()


@kernel
def _lstm_forward(projected, recurrent, hidden, cell, alive, gates, new_hidden, new_cell):  # type: ignore[no-untyped-def]
    rows, size = cell.shape
    for r in prange(rows):
        if alive[r]:
            for j in range(size):
                enter = sigmoid(projected[r, j] + recurrent[r, j])
                forget = sigmoid(projected[r, size + j] + recurrent[r, size + j])
                candidate = tanh(projected[r, 2 * size + j] + recurrent[r, 2 * size + j])
                leave = sigmoid(projected[r, 3 * size + j] + recurrent[r, 3 * size + j])
                c = forget * cell[r, j] + enter * candidate
                gates[r, j], gates[r, size + j] = enter, forget
                gates[r, 2 * size + j], gates[r, 3 * size + j] = candidate, leave
                new_cell[r, j] = c
                new_hidden[r, j] = leave * tanh(c)
        else:
            for j in range(size):
                new_cell[r, j], new_hidden[r, j] = cell[r, j], hidden[r, j]


@kernel
def _lstm_backward(gates, old, new, alive, d_hidden, d_cell, d_gates, d_kept, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    for r in prange(rows):
        if alive[r]:
            for j in range(size):
                enter, forget = gates[r, j], gates[r, size + j]
                candidate, leave = gates[r, 2 * size + j], gates[r, 3 * size + j]
                t = tanh(new[r, j])
                d = d_hidden[r, j]
                dc = d_cell[r, j] + d * leave * (f32(1) - t * t)
                d_gates[r, j] = dc * candidate * enter * (f32(1) - enter)
                d_gates[r, size + j] = dc * old[r, j] * forget * (f32(1) - forget)
                d_gates[r, 2 * size + j] = dc * enter * (f32(1) - candidate * candidate)
                d_gates[r, 3 * size + j] = d * t * leave * (f32(1) - leave)
                d_old[r, j] = dc * forget
                d_kept[r, j] = f32(0)
        else:
            for j in range(size):
                d_gates[r, j] = d_gates[r, size + j] = f32(0)
                d_gates[r, 2 * size + j] = d_gates[r, 3 * size + j] = f32(0)
                d_old[r, j], d_kept[r, j] = d_cell[r, j], d_hidden[r, j]


@kernel
def _gru_forward(projected, recurrent, hidden, alive, gates, new):  # type: ignore[no-untyped-def]
    rows, size = hidden.shape
    for r in prange(rows):
        if alive[r]:
            for j in range(size):
                reset = sigmoid(projected[r, j] + recurrent[r, j])
                keep = sigmoid(projected[r, size + j] + recurrent[r, size + j])
                candidate = tanh(projected[r, 2 * size + j] + reset * recurrent[r, 2 * size + j])
                gates[r, j], gates[r, size + j], gates[r, 2 * size + j] = reset, keep, candidate
                new[r, j] = candidate + keep * (hidden[r, j] - candidate)
        else:
            for j in range(size):
                new[r, j] = hidden[r, j]


@kernel
def _gru_backward(gates, products, old, alive, d_new, d_projected, d_recurrent, d_old):  # type: ignore[no-untyped-def]
    rows, size = old.shape
    for r in prange(rows):
        if alive[r]:
            for j in range(size):
                reset, keep, candidate = gates[r, j], gates[r, size + j], gates[r, 2 * size + j]
                d = d_new[r, j]
                dn = d * (f32(1) - keep) * (f32(1) - candidate * candidate)
                dr = dn * products[r, 2 * size + j] * reset * (f32(1) - reset)
                dz = d * (old[r, j] - candidate) * keep * (f32(1) - keep)
                d_projected[r, j] = d_recurrent[r, j] = dr
                d_projected[r, size + j] = d_recurrent[r, size + j] = dz
                d_projected[r, 2 * size + j] = dn
                d_recurrent[r, 2 * size + j] = dn * reset
                d_old[r, j] = d * keep
        else:
            for j in range(3 * size):
                d_projected[r, j] = d_recurrent[r, j] = f32(0)
            for j in range(size):
                d_old[r, j] = d_new[r, j]
