"""Bahdanau's decoder over all steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.dispatch import launcher
from regard.kernels.ops.attention import AttentionInputs
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.unroll.loop import _Loop, _loop, _Query
from regard.kernels.unroll.recurrent import Recurrence


def bahdanau_unroll(
    recurrence: Recurrence,
    looking: AttentionInputs,
    context_gates: Float[Tensor, "G M"],
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
) -> tuple[Float[Tensor, "T R H"], Float[Tensor, "T R M"], Float[Tensor, "T R S"]]:
    """Bahdanau's decoder: look with the state before, and let what was seen into the cell.

    Gives hidden states, contexts and weights. Source: Bahdanau et al. 2015, section 3.1 and appendix A.2.
    """
    loop, tensors = _loop([recurrence], looking, projected)
    inputs = context_gates, projected, *tensors, *start
    if dispatch.fused(projected, looking.keys, *start):
        return _BahdanauUnroll.apply(loop, *inputs)  # type: ignore[no-any-return]
    return _attend_before_plain(loop, *inputs)  # type: ignore[arg-type]


class _BahdanauUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: _Loop, gates: Tensor, projected: Tensor, *more: Tensor | None
    ) -> tuple[Tensor, ...]:
        memory, weights, start = more[:4], more[4:6], more[6:]
        given = projected.to(loop.dtype).contiguous()
        cell = loop.cell_of(0, given, weights, start, gates)  # type: ignore[arg-type]
        steps = len(projected)
        query = _Query(loop, memory, steps, cell.low[:steps])
        contexts = launcher(projected).view_steps(cell.entering)
        for t in range(steps):
            query(t, contexts[t])
            cell(t)
        ctx.loop, ctx.parts = loop, (cell, query)
        ctx.save_for_backward(gates, projected, *more)
        ctx.set_materialize_grads(False)
        seen = cell.entering[:steps, :, : gates.shape[1]].clone(memory_format=torch.contiguous_format)
        return cell.hidden[1:], seen, query.look.weights.clone()

    @staticmethod
    def backward(
        ctx: Any, d_hidden: Tensor | None, d_contexts: Tensor | None, d_weights: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if is_double_backward():
            plain = partial(_attend_before_plain, ctx.loop)
            return None, *double_backward(plain, inputs, (d_hidden, d_contexts, d_weights))
        cell, query = ctx.parts
        cell.begin_back([None] * len(cell.states))
        query.begin_back(d_weights)
        wanted = None if d_hidden is None else launcher(d_hidden).view_steps(d_hidden.contiguous())
        d_seen = None if d_contexts is None else d_contexts.unbind(0)
        d_query = None
        for t in reversed(cell.steps.order):
            parts = (None if wanted is None else wanted[t]), d_query
            d_context = cell.back(t, *((part, 0) for part in parts if part is not None))
            if d_seen is not None:
                cell.d_entering[:, : d_seen[t].shape[1]].add_(d_seen[t])
            d_query = query.back(t, d_context)
        d_start = cell.end_back(*([] if d_query is None else [(d_query, 0)]))
        d_projected = cell.d_projected.to(inputs[1].dtype)
        d_weight, d_bias, d_gates = cell.gradients()
        return None, d_gates, d_projected, *query.gradients(), d_weight, d_bias, *d_start


def _attend_before_plain(
    loop: _Loop, gates: Tensor, projected: Tensor, *more: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """One step after another."""
    memory, weights, state = more[:4], more[4:6], list(more[6:])
    hidden, looks = [], []
    for given in projected.unbind(0):
        looks.append(loop.look(state[0], *memory))  # type: ignore[arg-type]
        state = loop.step(0, given + F.linear(looks[-1][0], gates), weights, state)  # type: ignore[arg-type,assignment]
        hidden.append(state[0])
    contexts, seen = (torch.stack(part) for part in zip(*looks, strict=True))
    return torch.stack(hidden), contexts, seen  # type: ignore[arg-type]
