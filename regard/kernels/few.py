"""A cell over whole sentences in one kernel, for the few rows of a search that translates one sentence at a time.

There the products are so small that starting an operation costs more than the work; and nobody will go back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.cells import _gru_forward, _lstm_forward
from regard.kernels.compiled import array, f32, inner, kernel, prange

FEW_ROWS = 4


def recur_few(
    cell: str,
    live: Tensor | None,
    reverse: bool,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """As `loops.recur`, in float32: hidden states (T, R, H) and the last state."""
    if reverse:
        projected, live = projected.flip(0), None if live is None else live.flip(0)
    steps, rows, _ = projected.shape
    blocks = [torch.empty(steps + 1, *first.shape) for first in start]
    for block, first in zip(blocks, start, strict=True):
        block[0] = first
    alive = torch.ones(steps, rows, dtype=torch.bool) if live is None else live.contiguous()
    products, gates = torch.empty(rows, len(weight)), torch.empty(rows, len(weight))
    given = map(array, (projected.contiguous(), weight, bias, alive, products, gates))
    (_lstm if cell == "lstm" else _gru)(*given, *map(array, blocks))
    hidden = blocks[0][1:]
    return hidden.flip(0) if reverse else hidden, *(block[-1] for block in blocks)


@inner
def _lstm(projected, weight, bias, alive, products, gates, hidden, cell):  # type: ignore[no-untyped-def]
    for t in range(len(projected)):
        _multiply(weight, bias, hidden[t], products)
        new = hidden[t + 1]
        _lstm_forward(projected[t], products, hidden[t], cell[t], alive[t], gates, new, cell[t + 1], new)


@inner
def _gru(projected, weight, bias, alive, products, gates, hidden):  # type: ignore[no-untyped-def]
    for t in range(len(projected)):
        _multiply(weight, bias, hidden[t], products)
        _gru_forward(projected[t], products, hidden[t], alive[t], gates, hidden[t + 1], hidden[t + 1])


@kernel
def _multiply(weight, bias, given, made):  # type: ignore[no-untyped-def]
    for j in prange(len(weight)):
        w = weight[j]
        for r in range(len(given)):
            x, total = given[r], f32(0)
            for i in range(len(w)):
                total += w[i] * x[i]
            made[r, j] = total + bias[j]
