"""A recurrent cell over whole sentences as one operation; everything is time-major, (T, R, width).

The plain form is the cell itself, step by step (`regard.recurrent`): these functions are for inputs for which
`dispatch.fused` holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.kernels import dispatch
from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.unroll.cell_stage import CELL_STAGES, CellStage
from regard.kernels.unroll.inference import recur_inference
from regard.kernels.unroll.inputs import Recurrence, refuse_double_backward
from regard.kernels.unroll.layout import PackedSteps, PaddedSteps, Steps
from regard.kernels.unroll.packing import Packing


def recur(
    recurrence: Recurrence,
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
    live: Bool[Tensor, "T R"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Tensor, "T R H"], tuple[Float[Tensor, "R H"], ...]]:
    """Run a cell over all steps, last to first if `reverse`; return its hidden states and its last state."""
    if not torch.is_grad_enabled() and not dispatch.on_gpu(projected):
        weights = recurrence.weight, recurrence.bias
        dtype = autocast_dtype(recurrence.weight)
        hidden, *last = recur_inference(recurrence.cell, live, reverse, dtype, projected, *weights, start)
        return hidden, tuple(last)
    steps = PaddedSteps(len(projected), projected.shape[1], reverse)
    return _recur(recurrence, projected, start, steps, live)


def recur_packed(
    recurrence: Recurrence,
    projected: Float[Tensor, "N G"],
    start: Sequence[Float[Tensor, "R H"]],
    packing: Packing,
) -> tuple[Float[Tensor, "N H"], tuple[Float[Tensor, "R H"], ...]]:
    """Run a cell over a packed batch; `start` and the last state have the sentences in the batch's order."""
    return _recur(recurrence, projected, start, PackedSteps(packing), None)


def _recur(
    recurrence: Recurrence, projected: Tensor, start: Sequence[Tensor], steps: Steps, live: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    dtype = autocast_dtype(recurrence.weight)
    weights = recurrence.weight, recurrence.bias
    hidden, *last = _Recur.apply(recurrence.cell, live, steps, projected.to(dtype), *weights, *start)
    return hidden, tuple(last)


class _Recur(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell_name: str,
        live: Tensor | None,
        steps: Steps,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor,
        *start: Tensor,
    ) -> tuple[Tensor, ...]:
        cell = CELL_STAGES[cell_name](
            projected.contiguous(), weight, bias, start, projected.dtype, live, steps=steps
        )
        for t in steps.order:
            cell(t)
        ctx.cell = cell
        ctx.save_for_backward(projected, weight, bias, *start)  # so that autograd notices in-place changes
        ctx.set_materialize_grads(False)
        return steps.after(cell.hidden), *map(steps.last, cell.states)

    @staticmethod
    def backward(ctx: Any, d_hidden: Tensor | None, *d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_double_backward()
        assert ctx.saved_tensors
        cell: CellStage = ctx.cell
        cell.begin_backward(d_last)
        d_steps = None if d_hidden is None else cell.steps.split(d_hidden.contiguous(), launcher(d_hidden))
        for t in reversed(cell.steps.order):
            cell.backward(t, *([] if d_steps is None else [(d_steps[t], 0)]))
        d_weight, d_bias, _ = cell.weight_gradients()
        return None, None, None, cell.d_projected, d_weight, d_bias, *cell.start_gradients()
