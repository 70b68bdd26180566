"""Luong's decoder over all steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.dispatch import launcher
from regard.kernels.ops.attention import AttentionInputs
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.ops.reduce import column_sums
from regard.kernels.unroll.loop import _Loop, _loop, _Query
from regard.kernels.unroll.product import Product, tanh_back
from regard.kernels.unroll.recurrent import Recurrence
from regard.kernels.unroll.stages import LayerInput


def luong_unroll(
    recurrences: Sequence[Recurrence],
    lifts: Sequence[tuple[Float[Tensor, "G H"], Float[Tensor, " G"]]],
    masks: Sequence[Float[Tensor, "T R H"]] | None,
    looking: AttentionInputs,
    feed: Float[Tensor, "G C"],
    combine: Float[Tensor, "C M+H"],
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
) -> tuple[Float[Tensor, "T R C"], Float[Tensor, "T R S"]]:
    """Luong's decoder with input feeding: move, look with the new state, combine, feed what was combined.

    `lifts` are weight and bias of what each layer but the lowest makes of the one below, times a mask if there are
    any; `start` has the states of all layers. Gives the combined vectors `tanh(W [c; h])` and the weights.
    Source: Luong et al. 2015, sections 3 (equation 5) and 3.3.
    """
    loop, tensors = _loop(recurrences, looking, projected, masks)
    inputs = feed, combine, projected, *tensors, *(part for lift in lifts for part in lift), *start
    if dispatch.fused(projected, looking.keys, *start):
        return _LuongUnroll.apply(loop, *inputs)  # type: ignore[no-any-return]
    return _attend_after_plain(loop, *inputs)  # type: ignore[arg-type]


class _LuongUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: _Loop, feed: Tensor, combine: Tensor, projected: Tensor, *more: Tensor | None
    ) -> tuple[Tensor, ...]:
        memory, weights, lifts, start = _of_layers(loop, more)
        steps, rows, _ = projected.shape
        cells = [loop.cell_of(0, projected.to(loop.dtype).contiguous(), weights, start, feed)]
        for layer in range(1, loop.layers):
            below, bias = lifts[2 * layer - 2 : 2 * layer]
            given = bias.to(loop.dtype).expand(rows, -1).contiguous().expand(steps, -1, -1)
            cells.append(loop.cell_of(layer, given, weights, start, below))
        top = cells[-1]
        query = _Query(loop, memory, steps, top.low[1:])
        size, width = top.low.shape[-1], len(combine)
        joined = Product([combine], None, top.low.new_empty(steps, rows, combine.shape[1]))
        contexts = launcher(projected).view_steps(joined.inputs)
        states, read = joined.inputs[:, :, -size:].unbind(0), top.low[1:].unbind(0)
        made = cells[0].entering[:, :, :width]  # what is fed at each step, then the last
        made[0], fed = 0, launcher(projected).view_steps(cells[0].entering[1:])
        masks = [None] * (loop.layers - 1) if loop.masks is None else loop.masks
        rises = [LayerInput(*pair, mask) for pair, mask in zip(pairwise(cells), masks, strict=True)]
        for t in top.steps.order:
            cells[0](t)
            for rise, cell in zip(rises, cells[1:], strict=True):
                rise(t)
                cell(t)
            states[t].copy_(read[t])
            query(t, contexts[t])
            joined(t, fed[t], activation="tanh")
        ctx.loop, ctx.parts = loop, (cells, rises, query, joined)
        ctx.save_for_backward(feed, combine, projected, *more)
        ctx.set_materialize_grads(False)
        return made[1:].clone(memory_format=torch.contiguous_format), query.look.weights.clone()

    @staticmethod
    def backward(ctx: Any, d_combined: Tensor | None, d_weights: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if is_double_backward():
            plain = partial(_attend_after_plain, ctx.loop)
            return None, *double_backward(plain, inputs, (d_combined, d_weights))
        cells, rises, query, joined = ctx.parts
        for cell in cells:
            cell.begin_back([None] * len(cell.states))
        query.begin_back(d_weights)
        top, d_given = cells[-1], joined.room()
        on, size = launcher(d_given), top.low.shape[-1]
        width = joined.inputs.shape[-1] - size
        through_tanh, d_made = on.kernel(tanh_back), on.view_steps(d_given)
        made = on.view_steps(cells[0].entering[1:])
        wanted = on.view_steps(torch.zeros_like(d_given) if d_combined is None else d_combined.contiguous())
        d_fed = on.view(torch.zeros_like(cells[0].entering[0]))
        for t in reversed(top.steps.order):
            through_tanh(wanted[t], d_fed, made[t], d_made[t])
            d_joined = joined.back(t)
            d_entering = top.back(t, (d_joined, width), (query.back(t, d_joined), 0))
            for cell, rise in zip(cells[-2::-1], rises[::-1], strict=True):
                d_entering = cell.back(t, rise.back(t, d_entering))
            d_fed = d_entering
        weights, biases, feeds = zip(*(cell.gradients() for cell in cells), strict=True)
        return (
            None,
            feeds[0],
            *joined.gradients()[0],
            cells[0].d_projected.to(inputs[2].dtype),
            *query.gradients(),
            *(part for pair in zip(weights, biases, strict=True) for part in pair),
            *(
                part
                for below, cell in zip(feeds[1:], cells[1:], strict=True)
                for part in (below, column_sums(cell.d_projected))
            ),
            *(grad for cell in cells for grad in cell.end_back()),
        )


def _of_layers(
    loop: _Loop, more: Sequence[Any]
) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Memory, weights of the cells, weights between the layers, first states."""
    ends = 4, 4 + 2 * loop.layers, 4 + 2 * loop.layers + 2 * (loop.layers - 1)
    return more[: ends[0]], more[ends[0] : ends[1]], more[ends[1] : ends[2]], more[ends[2] :]


def _attend_after_plain(
    loop: _Loop, feed: Tensor, combine: Tensor, projected: Tensor, *more: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One step after another."""
    memory, weights, lifts, start = _of_layers(loop, more)
    states, parts = list(start), len(start) // loop.layers
    fed, combined, seen = projected.new_zeros(projected.shape[1], len(combine)), [], []
    for t, given in enumerate(projected.unbind(0)):
        given = given + F.linear(fed, feed)
        for layer in range(loop.layers):
            if layer > 0:
                below = states[(layer - 1) * parts]
                below = below if loop.masks is None else below * loop.masks[layer - 1][t]
                given = F.linear(below, *lifts[2 * layer - 2 : 2 * layer])
            states[layer * parts : (layer + 1) * parts] = loop.step(layer, given, weights, states)
        top = states[-parts]
        context, looked = loop.look(top, *memory)
        fed = torch.tanh(F.linear(torch.cat([context, top], dim=-1), combine))
        combined.append(fed)
        seen.append(looked)
    return torch.stack(combined), torch.stack(seen)
