"""A cell over whole sentences that are only read: nobody will go back, so nothing is kept for it.

The few rows of a search that translates one sentence at a time make products so small that starting an operation
costs more than the work: for them all steps are one kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regard.kernels.compile import array, f32, inner, kernel, prange
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.lstm import lstm_forward

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
    begun = [first.contiguous() for first in start]
    reading = _Reading(cell, alive, reverse, projected, weight, bias, begun)
    return reading.of_few() if rows <= FEW_ROWS else reading.of_many(dtype)


@dataclass(frozen=True)
class _Reading:
    """What `read` was given."""

    cell: str
    alive: Tensor
    reverse: bool
    projected: Tensor
    weight: Tensor
    bias: Tensor
    start: Sequence[Tensor]

    def of_few(self) -> tuple[Tensor, ...]:
        """In float32 whatever the type: what counts here is how often a weight is read."""
        projected, alive = self.projected, self.alive
        if self.reverse:
            projected, alive = projected.flip(0), alive.flip(0)
        steps, rows, width = projected.shape
        blocks = [torch.empty(steps + 1, *first.shape) for first in self.start]
        for block, first in zip(blocks, self.start, strict=True):
            block[0] = first
        given = projected.contiguous(), self.weight, self.bias, alive, torch.empty(rows, width)
        (_lstm if self.cell == "lstm" else _gru)(*map(array, given), *map(array, blocks))
        hidden = blocks[0][1:]
        return hidden.flip(0) if self.reverse else hidden, *(block[-1] for block in blocks)

    def of_many(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """A product and a kernel a step."""
        first, *others = self.start
        steps, (rows, size) = len(self.projected), first.shape
        product = PackedWeight([self.weight], self.bias, dtype)
        move = lstm_forward if self.cell == "lstm" else gru_forward
        hidden, low = torch.empty(steps, rows, size), first.to(dtype, copy=True)  # `low`: as products read it
        kept, room = [other.clone() for other in others], [torch.empty_like(other) for other in others]
        given, mask = array(self.projected.to(dtype).contiguous()), array(self.alive)
        made, lows, last = list(array(hidden)), array(low), array(first)
        products = array(low.new_empty(rows, product.width))
        for t in range(steps)[:: -1 if self.reverse else 1]:
            product.forwards_into(lows, products)
            old, new = map(array, kept), map(array, room)
            move(given[t], products, last, *old, mask[t], None, made[t], *new, lows)
            last, kept, room = made[t], room, kept
        return hidden, torch.from_numpy(last).clone(), *kept


@inner
def _lstm(projected, weight, bias, alive, products, hidden, cell):  # type: ignore[no-untyped-def]
    for t in range(len(projected)):
        _multiply(weight, bias, hidden[t], products)
        new = hidden[t + 1]
        lstm_forward(projected[t], products, hidden[t], cell[t], alive[t], None, new, cell[t + 1], new)


@inner
def _gru(projected, weight, bias, alive, products, hidden):  # type: ignore[no-untyped-def]
    for t in range(len(projected)):
        _multiply(weight, bias, hidden[t], products)
        gru_forward(projected[t], products, hidden[t], alive[t], None, hidden[t + 1], hidden[t + 1])


@kernel
def _multiply(weight, bias, given, made):  # type: ignore[no-untyped-def]
    for j in prange(len(weight)):
        w = weight[j]
        for r in range(len(given)):
            x, total = given[r], f32(0)
            for i in range(len(w)):
                total += w[i] * x[i]
            made[r, j] = total + bias[j]
