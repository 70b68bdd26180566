"""GNMT's decoder over all steps as one operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.deferred import deferred_weight_grads
from regard.kernels.unroll.cell_stage import CellStage
from regard.kernels.unroll.inputs import (
    LoopAttention,
    UnrolledLayer,
    attention_stage,
    attention_tensors,
    context_size,
    layer_gradients,
    refuse_double_backward,
    stages,
)

FIRST_RESIDUAL = 2  # residual connections from the third layer on


def gnmt_unroll(
    layers: Sequence[UnrolledLayer],
    masks: Sequence[Float[Tensor, "T R H"]] | None,
    attention: LoopAttention,
    projected: Float[Tensor, "T R G"],
    current_query: bool,
) -> tuple[Float[Tensor, "T R H"], Float[Tensor, "T R S"]]:
    """Attend from the bottom layer, and let the context enter all layers; for `dispatch.fused` inputs.

    The bottom layer's one input weight (G, M) is for the context; each other layer has one (G, H) for the output of
    the layer below, times a dropout mask if there are any, and one (G, M) for the context. The query is the bottom
    state before the step; with `current_query` it is the one after it, and the context of the step before enters the
    bottom layer. From the third layer on, an output is hidden state plus input. Returns the top outputs and the
    attention weights.
    Source: Wu et al. 2016, section 3, equations 4 and 7.
    """
    tensors = (
        projected,
        *attention_tensors(attention),
        *(tensor for layer in layers for tensor in layer.tensors),
    )
    return _GNMTUnroll.apply(layers, masks, attention, current_query, *tensors)  # type: ignore[no-any-return]


class _UpperLayer:
    """A layer above the bottom one, with what enters it: the output below, times a mask if any, and the context."""

    def __init__(self, cell: CellStage, mask: Tensor | None, residual: bool) -> None:
        self.cell, self._residual = cell, residual
        self._mask = None if mask is None else mask.unbind(0)
        self.contexts = cell.entering[:, :, cell.hidden.shape[-1] :].unbind(0)
        self._inputs = cell.entering[:, :, : cell.hidden.shape[-1]].unbind(0)
        self._hidden = cell.hidden[1:].unbind(0)

    def __call__(self, t: int, below: Tensor) -> Tensor:
        """Take a step on the output of the layer below (R, H), and return that of this layer."""
        inputs = below if self._mask is None else below * self._mask[t]
        self._inputs[t].copy_(inputs)
        self.cell(t)
        return self._hidden[t] + inputs if self._residual else self._hidden[t]

    def backward(self, t: int, d_output: Tensor, d_context: Tensor) -> Tensor:
        """Return the gradient of the output below, and add that of the context to `d_context` (R, M)."""
        size = d_output.shape[-1]
        self.cell.backward(t, (launcher(d_output).view(d_output), 0))
        d_entering = self.cell.d_entering
        d_context += d_entering[:, size : size + d_context.shape[-1]]
        d_inputs = d_entering[:, :size].to(d_output.dtype, memory_format=torch.contiguous_format, copy=True)
        if self._residual:  # output = hidden + inputs
            d_inputs += d_output
        return d_inputs if self._mask is None else d_inputs * self._mask[t]


class _GNMTUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        layers: Sequence[UnrolledLayer],
        masks: Sequence[Tensor] | None,
        attention: LoopAttention,
        current_query: bool,
        projected: Tensor,
        *others: Tensor | None,
    ) -> tuple[Tensor, ...]:
        bottom, *cells = stages(layers, projected, autocast_dtype(projected))
        gaps = [None] * len(cells) if masks is None else masks
        upper = [
            _UpperLayer(cell, mask, residual=layer >= FIRST_RESIDUAL)
            for layer, (cell, mask) in enumerate(zip(cells, gaps, strict=True), start=1)
        ]
        width, num_steps = context_size(attention), len(projected)
        contexts = bottom.entering[1:] if current_query else bottom.entering[:num_steps]
        bottom.entering[0, :, :width] = 0  # the context of no step
        attend = attention_stage(attention, bottom, contexts, after_step=current_query)
        context_steps, bottom_hidden = contexts[:, :, :width].unbind(0), bottom.hidden[1:].unbind(0)
        outputs: list[Tensor] = []
        with deferred_weight_grads():
            for t in bottom.steps.order:
                for stage in (bottom, attend) if current_query else (attend, bottom):
                    stage(t)
                output = bottom_hidden[t]
                for layer in upper:
                    layer.contexts[t][:, :width].copy_(context_steps[t])
                    output = layer(t, output)
                outputs.append(output)
        ctx.layers, ctx.bottom, ctx.upper, ctx.attend = layers, bottom, upper, attend
        ctx.current_query, ctx.width, ctx.dtype = current_query, width, projected.dtype
        ctx.save_for_backward(projected, *others)  # so that autograd notices in-place changes
        ctx.set_materialize_grads(False)
        return torch.stack(outputs), attend.weights.clone()

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor | None, d_weights: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_double_backward()
        assert ctx.saved_tensors
        bottom, upper, attend = ctx.bottom, ctx.upper, ctx.attend
        for cell in (bottom, *(layer.cell for layer in upper)):
            cell.begin_backward()
        attend.begin_backward(d_weights)
        view = launcher(bottom.hidden).view
        d_bottom = torch.zeros_like(bottom.hidden[0])
        d_context = bottom.hidden.new_zeros(len(d_bottom), ctx.width)
        d_queries: tuple[Any, ...] = ()
        for t in reversed(bottom.steps.order):
            # with the current query, d_context holds what the bottom layer of the step after adds
            d_output = torch.zeros_like(d_bottom) if d_outputs is None else d_outputs[t].contiguous()
            for layer in reversed(upper):
                d_output = layer.backward(t, d_output, d_context)
            if ctx.current_query:
                d_queries = ((attend.backward(t, d_context), 0),)
                bottom.backward(t, (view(d_output), 0), *d_queries)
                d_context.copy_(bottom.d_entering[:, : ctx.width])
            else:
                bottom.backward(t, (view(d_output), 0), *d_queries)
                d_context += bottom.d_entering[:, : ctx.width]
                d_queries = ((attend.backward(t, d_context), 0),)
                d_context.zero_()
        d_start = () if ctx.current_query else d_queries
        cells = (bottom, *(layer.cell for layer in upper))
        return (
            None,
            None,
            None,
            None,
            bottom.d_projected.to(ctx.dtype),
            *attend.gradients(),
            *(
                gradient
                for layer, cell, d_hidden in zip(
                    ctx.layers, cells, (d_start, *[()] * len(upper)), strict=True
                )
                for gradient in layer_gradients(layer, cell, *d_hidden)
            ),
        )
