"""A recurrent cell over whole sentences in inference: nothing is saved for a backward pass.

For the few rows of a search that translates one sentence at a time, starting an operation costs more than the small
product that it computes: for them all steps are one call.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.compile import array
from regard.kernels.decode.single import MAX_ROWS, multiply_rows
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.lstm import lstm_forward
from regard.kernels.program import Each, Program

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
    inputs, layer = projected.contiguous(), (weight, torch.ones(len(weight)), bias)
    products, (hidden, *cells) = torch.empty(num_rows, width), states
    program = Program(num_steps)
    program.add(multiply_rows, *layer, Each(hidden), False, products)
    program.add(
        _CELLS[cell],
        *(Each(inputs), products, *map(Each, (hidden, *cells)), Each(live), None),
        *(Each(state, first=1) for state in (hidden, *cells, hidden)),
    )
    program.run()
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
