"""Luong's decoder with input feeding over all steps as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.deferred import deferred_weight_grads
from regard.kernels.unroll.inputs import (
    LoopAttention,
    UnrolledLayer,
    attention_stage,
    attention_tensors,
    layer_gradients,
    refuse_double_backward,
    stages,
)
from regard.kernels.unroll.layer_input import LayerInput
from regard.kernels.unroll.linear_stage import LinearStage, tanh_backward


def luong_unroll(
    layers: Sequence[UnrolledLayer],
    masks: Sequence[Float[Tensor, "T R H"]] | None,
    attention: LoopAttention,
    combine: Float[Tensor, "C M+H"],
    projected: Float[Tensor, "T R G"],
) -> tuple[Float[Tensor, "T R C"], Float[Tensor, "T R S"]]:
    """Move all layers, attend with the new top state, combine, and feed the result back; for `dispatch.fused` inputs.

    The lowest layer's one input weight (G, C) is for the vector fed back, that of each other layer (G, H) for the
    hidden state below, times a dropout mask if there are any. Returns the combined vectors `tanh(W [c; h])` and the
    attention weights.
    Source: Luong et al. 2015, sections 3 (equation 5) and 3.3.
    """
    tensors = (
        combine,
        projected,
        *attention_tensors(attention),
        *(tensor for layer in layers for tensor in layer.tensors),
    )
    return _LuongUnroll.apply(layers, masks, attention, *tensors)  # type: ignore[no-any-return]


class _LuongUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        layers: Sequence[UnrolledLayer],
        masks: Sequence[Tensor] | None,
        attention: LoopAttention,
        combine: Tensor,
        projected: Tensor,
        *others: Tensor | None,
    ) -> tuple[Tensor, ...]:
        (num_steps, num_rows, _), on = projected.shape, launcher(projected)
        cells = stages(layers, projected, autocast_dtype(projected))
        bottom, top = cells[0], cells[-1]
        gaps = [None] * (len(cells) - 1) if masks is None else masks
        layer_inputs = [LayerInput(*pair, mask) for pair, mask in zip(pairwise(cells), gaps, strict=True)]
        joined = top.cast_hidden.new_empty(num_steps, num_rows, combine.shape[1])  # [c; h]
        attend = attention_stage(attention, top, joined, after_step=True)
        joined_hidden = joined[:, :, -top.hidden.shape[-1] :].unbind(0)
        new_hidden = top.cast_hidden[1:].unbind(0)
        product = LinearStage([combine], None, joined)
        fed = bottom.entering[:, :, : len(combine)]  # (T + 1, R, C): nothing, then each combined vector
        fed[0] = 0
        combined = on.view_steps(bottom.entering[1:])
        with deferred_weight_grads():
            for t in top.steps.order:
                bottom(t)
                for layer_input, cell in zip(layer_inputs, cells[1:], strict=True):
                    layer_input(t)
                    cell(t)
                joined_hidden[t].copy_(new_hidden[t])
                attend(t)
                product(t, combined[t], activation="tanh")  # h̃_t = tanh(W [c_t; h_t])
        ctx.layers, ctx.cells, ctx.layer_inputs = layers, cells, layer_inputs
        ctx.attend, ctx.product, ctx.dtype = attend, product, projected.dtype
        ctx.save_for_backward(combine, projected, *others)  # so that autograd notices in-place changes
        ctx.set_materialize_grads(False)
        return fed[1:].clone(memory_format=torch.contiguous_format), attend.weights.clone()

    @staticmethod
    def backward(ctx: Any, d_combined: Tensor | None, d_weights: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_double_backward()
        assert ctx.saved_tensors
        cells, attend, product = ctx.cells, ctx.attend, ctx.product
        for cell in cells:
            cell.begin_backward()
        attend.begin_backward(d_weights)
        bottom, top, d_products = cells[0], cells[-1], product.begin_backward()
        on = launcher(d_products)
        through_tanh = on.kernel(tanh_backward)
        combined, d_product_steps = on.view_steps(bottom.entering[1:]), on.view_steps(d_products)
        d_steps = on.view_steps(
            torch.zeros_like(d_products) if d_combined is None else d_combined.contiguous()
        )
        hidden_start = product.inputs.shape[-1] - top.hidden.shape[-1]  # of h in [c; h]
        d_fed = on.view(torch.zeros_like(bottom.entering[0]))
        for t in reversed(top.steps.order):
            through_tanh(d_steps[t], d_fed, combined[t], d_product_steps[t])
            d_joined = product.backward(t)
            d_query = attend.backward(t, product.d_input)
            d_entering = top.backward(t, (d_joined, hidden_start), (d_query, 0))
            for cell, layer_input in zip(cells[-2::-1], ctx.layer_inputs[::-1], strict=True):
                d_entering = cell.backward(t, layer_input.backward(t, d_entering))
            d_fed = d_entering
        return (
            None,
            None,
            None,
            *product.gradients()[0],
            bottom.d_projected.to(ctx.dtype),
            *attend.gradients(),
            *(
                gradient
                for layer, cell in zip(ctx.layers, cells, strict=True)
                for gradient in layer_gradients(layer, cell)
            ),
        )
