"""A cell over whole sentences that are only read: nobody will go back, so nothing is kept for it.

The few rows of a search that translates one sentence at a time make products so small that starting an operation
costs more than the work: for them all steps are one kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.cells import _gru_forward, _lstm_forward
from regard.kernels.compiled import array, f32, inner, kernel, prange
from regard.kernels.layouts import Layouts

FEW_ROWS = 4


def read(
    cell: str,
    live: Tensor | None,
    reverse: bool,
    dtype: torch.dtype,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """As `loops.recur`, products of many rows in this type: hidden states (T, R, H) and the last state."""
    steps, rows, _ = projected.shape
    alive = torch.ones(steps, rows, dtype=torch.bool) if live is None else live.contiguous()
    over = _over_few if rows <= FEW_ROWS else _over_many
    return over(cell, alive, reverse, dtype, projected, weight, bias, [first.contiguous() for first in start])


def _over_few(
    cell: str,
    alive: Tensor,
    reverse: bool,
    dtype: torch.dtype,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """In float32 whatever the type: what counts here is how often a weight is read."""
    if reverse:
        projected, alive = projected.flip(0), alive.flip(0)
    steps, rows, _ = projected.shape
    blocks = [torch.empty(steps + 1, *first.shape) for first in start]
    for block, first in zip(blocks, start, strict=True):
        block[0] = first
    given = map(array, (projected.contiguous(), weight, bias, alive, torch.empty(rows, len(weight))))
    (_lstm if cell == "lstm" else _gru)(*given, *map(array, blocks))
    hidden = blocks[0][1:]
    return hidden.flip(0) if reverse else hidden, *(block[-1] for block in blocks)


def _over_many(
    cell: str,
    alive: Tensor,
    reverse: bool,
    dtype: torch.dtype,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    steps, (rows, size) = len(projected), start[0].shape
    product, move = Layouts(weight, bias, dtype, rows), _lstm_forward if cell == "lstm" else _gru_forward
    hidden, low = torch.empty(steps, rows, size), start[0].to(dtype, copy=True)  # `low`: as products read it
    kept, other = [first.clone() for first in start[1:]], [torch.empty_like(first) for first in start[1:]]
    given, mask, made = array(projected.to(dtype).contiguous()), array(alive), list(array(hidden))
    lows, last = array(low), array(start[0])
    for t in range(steps)[:: -1 if reverse else 1]:
        products = array(product.forwards(low))
        old, new = map(array, kept), map(array, other)
        move(given[t], products, last, *old, mask[t], None, made[t], *new, lows)
        last, kept, other = made[t], other, kept
    return hidden, torch.from_numpy(last).clone(), *kept


@inner
def _lstm(projected, weight, bias, alive, products, hidden, cell):  # type: ignore[no-untyped-def]
    for t in range(len(projected)):
        _multiply(weight, bias, hidden[t], products)
        new = hidden[t + 1]
        _lstm_forward(projected[t], products, hidden[t], cell[t], alive[t], None, new, cell[t + 1], new)


@inner
def _gru(projected, weight, bias, alive, products, hidden):  # type: ignore[no-untyped-def]
    for t in range(len(projected)):
        _multiply(weight, bias, hidden[t], products)
        _gru_forward(projected[t], products, hidden[t], alive[t], None, hidden[t + 1], hidden[t + 1])


@kernel
def _multiply(weight, bias, given, made):  # type: ignore[no-untyped-def]
    for j in prange(len(weight)):
        w = weight[j]
        for r in range(len(given)):
            x, total = given[r], f32(0)
            for i in range(len(w)):
                total += w[i] * x[i]
            made[r, j] = total + bias[j]
