"""Whole loops as one operation: a cell over a sentence, and the decoders that attend at every step.

Everything is time-major, (T, R, width). The plain form takes the same steps one by one and is what gradients of
gradients go through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.ops.gru import gru_plain
from regard.kernels.ops.lstm import lstm_plain
from regard.kernels.unroll.inference import recur_inference
from regard.kernels.unroll.layout import PackedSteps, PaddedSteps
from regard.kernels.unroll.packing import Packing
from regard.kernels.unroll.stages import CELLS, Cell

How = tuple[str, Tensor | None, PaddedSteps | PackedSteps]  # which cell, which rows live (T, R), which steps


@dataclass(frozen=True)
class Recurrence:
    """What a cell multiplies its hidden state by. `cell` is lstm or gru."""

    cell: str
    weight: Float[Tensor, "G H"]
    bias: Float[Tensor, " G"]


def recur(
    recurrence: Recurrence,
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
    live: Bool[Tensor, "T R"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Tensor, "T R H"], tuple[Float[Tensor, "R H"], ...]]:
    """All steps of a cell, from the last to the first if `reverse`: its hidden states, and its last state."""
    weights = recurrence.weight, recurrence.bias
    fused = dispatch.fused(projected, *start, *weights)
    if fused and not torch.is_grad_enabled() and not dispatch.on_gpu(projected):
        dtype = autocast_dtype(weights[0])
        hidden, *last = recur_inference(recurrence.cell, live, reverse, dtype, projected, *weights, start)
        return hidden, tuple(last)
    steps = PaddedSteps(len(projected), projected.shape[1], reverse)
    return _recur((recurrence.cell, live, steps), projected, weights, start)


def recur_packed(
    recurrence: Recurrence,
    projected: Float[Tensor, "N G"],
    start: Sequence[Float[Tensor, "R H"]],
    packing: Packing,
) -> tuple[Float[Tensor, "N H"], tuple[Float[Tensor, "R H"], ...]]:
    """The same of a batch that was packed; `start` and the last state have the sentences in the batch's order."""
    weights = recurrence.weight, recurrence.bias
    return _recur((recurrence.cell, None, PackedSteps(packing)), projected, weights, start)


def _recur(
    how: How, projected: Tensor, weights: tuple[Tensor, Tensor], start: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if dispatch.fused(projected, *start, *weights):
        dtype = autocast_dtype(weights[0])
        hidden, *last = _Recur.apply(how, dtype, projected.to(dtype), *weights, *start)
    else:
        hidden, *last = _recur_plain(how, projected, *weights, *start)
    return hidden, tuple(last)


class _Recur(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        how: How,
        dtype: torch.dtype,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor,
        *start: Tensor,
    ) -> tuple[Tensor, ...]:
        (named, live, steps), projected = how, projected.contiguous()
        cell = CELLS[named](projected, weight, bias, start, dtype, live, steps=steps)
        for t in steps.order:
            cell(t)
        ctx.how, ctx.cell = how, cell
        ctx.save_for_backward(projected, weight, bias, *start)
        ctx.set_materialize_grads(False)
        return steps.after(cell.hidden), *map(steps.last, cell.states)

    @staticmethod
    def backward(ctx: Any, d_hidden: Tensor | None, *d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if is_double_backward():
            return None, None, *double_backward(partial(_recur_plain, ctx.how), inputs, (d_hidden, *d_last))
        cell: Cell = ctx.cell
        cell.begin_back(d_last)
        wanted = None if d_hidden is None else cell.steps.cut(d_hidden.contiguous(), launcher(d_hidden))
        for t in reversed(cell.steps.order):
            cell.back(t, *([] if wanted is None else [(wanted[t], 0)]))
        d_weight, d_bias, _ = cell.gradients()
        return None, None, cell.d_projected, d_weight, d_bias, *cell.end_back()


def _recur_plain(
    how: How, projected: Tensor, weight: Tensor, bias: Tensor, *start: Tensor
) -> tuple[Tensor, ...]:
    """One step after another."""
    cell, live, steps = how
    step: Callable[..., Any] = lstm_plain if cell == "lstm" else gru_plain
    state, per_step = [steps.arranged(first) for first in start], steps.per_step(projected)
    hidden: list[Tensor] = list(per_step)
    for t in steps.order:
        old = [steps.first_rows(t, part) for part in state]
        products = per_step[t], F.linear(old[0], weight, bias)
        alive = None if live is None else live[t].unsqueeze(-1)
        made = step(*products, *old, alive)
        new = made if isinstance(made, tuple) else (made,)
        state = [torch.cat([moved, part[len(moved) :]]) for moved, part in zip(new, state, strict=True)]
        hidden[t] = new[0]
    return steps.joined(hidden), *map(steps.as_given, state)
