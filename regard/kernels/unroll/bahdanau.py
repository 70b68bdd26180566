"""Bahdanau's decoder over all steps as one operation."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.deferred import deferred_weight_grads
from regard.kernels.unroll.cell_stage import ColumnSlice
from regard.kernels.unroll.inputs import (
    LoopAttention,
    UnrolledLayer,
    attention_stage,
    attention_tensors,
    context_size,
    layer_gradients,
    refuse_double_backward,
    stages,
    step_gradients,
)


def bahdanau_unroll(
    layer: UnrolledLayer, attention: LoopAttention, projected: Float[Tensor, "T R G"]
) -> tuple[Float[Tensor, "T R H"], Float[Tensor, "T R M"], Float[Tensor, "T R S"]]:
    """Attend with the state before each step, and let the context enter the cell; for `dispatch.fused` inputs.

    The layer's one input weight (G, M) is for the context. Returns hidden states, contexts and attention weights.
    Source: Bahdanau et al. 2015, section 3.1 and appendix A.2.
    """
    tensors = projected, *attention_tensors(attention), *layer.tensors
    return _BahdanauUnroll.apply(layer, attention, *tensors)  # type: ignore[no-any-return]


class _BahdanauUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, layer: UnrolledLayer, attention: LoopAttention, projected: Tensor, *others: Tensor | None
    ) -> tuple[Tensor, ...]:
        (cell,) = stages([layer], projected, autocast_dtype(projected))
        contexts = cell.entering[: len(projected)]
        attend = attention_stage(attention, cell, contexts, after_step=False)
        with deferred_weight_grads():
            for t in cell.steps.order:
                attend(t)  # c_i = attend(s_{i-1})
                cell(t)  # s_i = f(s_{i-1}, y_{i-1}, c_i)
        ctx.layer, ctx.cell, ctx.attend, ctx.dtype = layer, cell, attend, projected.dtype
        ctx.save_for_backward(projected, *others)  # so that autograd notices in-place changes
        ctx.set_materialize_grads(False)
        contexts = contexts[:, :, : context_size(attention)].clone(memory_format=torch.contiguous_format)
        return cell.hidden[1:], contexts, attend.weights.clone()

    @staticmethod
    def backward(
        ctx: Any, d_hidden: Tensor | None, d_contexts: Tensor | None, d_weights: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        refuse_double_backward()
        assert ctx.saved_tensors
        cell, attend = ctx.cell, ctx.attend
        cell.begin_backward()
        attend.begin_backward(d_weights)
        d_steps = step_gradients(d_hidden, len(cell.steps.order))
        d_queries: tuple[ColumnSlice, ...] = ()
        for t in reversed(cell.steps.order):
            cell.backward(t, *d_steps[t], *d_queries)
            if d_contexts is not None:
                cell.d_entering[:, : d_contexts.shape[-1]].add_(d_contexts[t])
            d_queries = ((attend.backward(t, cell.d_entering), 0),)
        d_projected = cell.d_projected.to(ctx.dtype)
        return None, None, d_projected, *attend.gradients(), *layer_gradients(ctx.layer, cell, *d_queries)
