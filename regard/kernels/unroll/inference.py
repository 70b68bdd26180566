"""A recurrent cell over whole sentences in inference: nothing is saved for a backward pass.

For the few rows of a search that translates one sentence at a time, starting an operation costs more than the small
product that it computes: for them all steps are one call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regard.kernels.compile import array, kernel
from regard.kernels.decode.single import MAX_ROWS, multiply_rows
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.lstm import lstm_forward
from regard.kernels.pointers import KernelPointer, call

_CELLS = {"lstm": lstm_forward, "gru": gru_forward}


def recur_inference(
    cell: str,
    live: Tensor | None,
    reverse: bool,
    dtype: torch.dtype,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """Return hidden states (T, R, H) and the last state, as `recurrent.recur`; products of many rows in this dtype.

    `projected` is (T, R, G), `weight` (G, H), `bias` (G,), each tensor of `start` (R, H), `live` (T, R).
    """
    num_steps, num_rows, _ = projected.shape
    live = torch.ones(num_steps, num_rows, dtype=torch.bool) if live is None else live.contiguous()
    states = [first.contiguous() for first in start]
    if num_rows <= MAX_ROWS:
        return _few_rows(cell, live, reverse, projected, weight, bias, states)
    return _many_rows(cell, live, reverse, dtype, projected, weight, bias, states)


def _few_rows(
    cell: str,
    live: Tensor,
    reverse: bool,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """Take all steps in one call, in float32 whatever the dtype: time goes into reading the weights."""
    if reverse:
        projected, live = projected.flip(0), live.flip(0)
    num_steps, num_rows, width = projected.shape
    states = [torch.empty(num_steps + 1, *first.shape) for first in start]
    for block, first in zip(states, start, strict=True):
        block[0] = first
    inputs, alive = array(projected.contiguous()), array(live)
    layer = array(weight), np.ones(len(weight), np.float32), array(bias)
    blocks, products = tuple(map(array, states)), np.empty((num_rows, width), np.float32)
    before = tuple(block[0] for block in blocks)
    multiply = KernelPointer(multiply_rows, (*layer, before[0], False, products))
    move = KernelPointer(_CELLS[cell], (inputs[0], products, *before, alive[0], None, *before, before[0]))
    (_lstm_steps if cell == "lstm" else _gru_steps)(multiply, move, layer, inputs, alive, products, *blocks)
    output = states[0][1:]
    return output.flip(0) if reverse else output, *(block[-1] for block in states)


def _many_rows(
    cell: str,
    live: Tensor,
    reverse: bool,
    dtype: torch.dtype,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    start: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """Call a product and a kernel at each step."""
    first, *others = start
    num_steps, (num_rows, size) = len(projected), first.shape
    product, move = PackedWeight([weight], bias, dtype), _CELLS[cell]
    hidden, cast = (
        torch.empty(num_steps, num_rows, size),
        first.to(dtype, copy=True),
    )  # `cast` is for products
    old, new = [other.clone() for other in others], [torch.empty_like(other) for other in others]
    inputs, alive = array(projected.to(dtype).contiguous()), array(live)
    outputs, cast_state, last = list(array(hidden)), array(cast), array(first)
    products = array(cast.new_empty(num_rows, product.width))
    for t in range(num_steps)[:: -1 if reverse else 1]:
        product.forward_into(cast_state, products)
        move(
            inputs[t],
            products,
            last,
            *map(array, old),
            alive[t],
            None,
            outputs[t],
            *map(array, new),
            cast_state,
        )
        last, old, new = outputs[t], new, old
    return hidden, torch.from_numpy(last).clone(), *old


@kernel
def _lstm_steps(multiply, move, layer, inputs, alive, products, hidden, cell):  # type: ignore[no-untyped-def]
    """Inputs (T, R, G), alive (T, R), products (R, G); hidden and cell (T + 1, R, H), from the first state on."""
    for t in range(len(inputs)):
        old, new = hidden[t], hidden[t + 1]
        call(multiply, *layer, old, False, products)
        call(move, inputs[t], products, old, cell[t], alive[t], None, new, cell[t + 1], new)


@kernel
def _gru_steps(multiply, move, layer, inputs, alive, products, hidden):  # type: ignore[no-untyped-def]
    """Inputs (T, R, G), alive (T, R), products (R, G); hidden (T + 1, R, H), from the first state on."""
    for t in range(len(inputs)):
        old, new = hidden[t], hidden[t + 1]
        call(multiply, *layer, old, False, products)
        call(move, inputs[t], products, old, alive[t], None, new, new)
