"""What a loop over time takes, and what all loops share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.dispatch import launcher
from regard.kernels.ops.attention import AttentionInputs
from regard.kernels.ops.double_backward import is_double_backward
from regard.kernels.ops.reduce import column_sums
from regard.kernels.unroll.attention_stage import QueryAttention
from regard.kernels.unroll.cell_stage import CELL_STAGES, CellStage, ColumnSlice
from regard.kernels.unroll.module_attention import AttentionFunction, RecordedAttention


@dataclass(frozen=True)
class Recurrence:
    """A cell, lstm or gru, and what it multiplies its hidden state by."""

    cell: str
    weight: Float[Tensor, "G H"]
    bias: Float[Tensor, " G"]


@dataclass(frozen=True)
class UnrolledLayer:
    """A layer of a decoder's loop and its first state.

    `input_weights` are for inputs that only the loop knows, side by side, and `input_bias` is their bias. It is None
    in the lowest layer, whose other input, the embedded token, is projected beforehand together with its bias.
    """

    recurrence: Recurrence
    start: Sequence[Float[Tensor, "R H"]]
    input_weights: Sequence[Float[Tensor, "G X"]]
    input_bias: Float[Tensor, " G"] | None = None

    @property
    def tensors(self) -> list[Tensor | None]:
        """All tensors that have gradients, in the order of `layer_gradients`."""
        cell = self.recurrence
        return [cell.weight, cell.bias, *self.start, *self.input_weights, self.input_bias]

    def stage(self, projected: Tensor | None, num_steps: int, dtype: torch.dtype) -> CellStage:
        """Return the stage of this layer; `projected` (T, R, G) is None where the loop knows all inputs."""
        if projected is None:
            assert self.input_bias is not None
            bias = self.input_bias.to(dtype).expand(len(self.start[0]), -1).contiguous()
            projected = bias.expand(num_steps, -1, -1)
        cell = self.recurrence
        return CELL_STAGES[cell.cell](
            projected, cell.weight, cell.bias, self.start, dtype, input_weights=self.input_weights
        )


def stages(layers: Sequence[UnrolledLayer], projected: Tensor, dtype: torch.dtype) -> list[CellStage]:
    """Return the stages of all layers; `projected` (T, R, G) is for the lowest."""
    lowest = layers[0].stage(projected.to(dtype).contiguous(), len(projected), dtype)
    return [lowest, *(layer.stage(None, len(projected), dtype) for layer in layers[1:])]


def layer_gradients(layer: UnrolledLayer, cell: CellStage, *d_hidden: ColumnSlice) -> list[Tensor | None]:
    """Return the gradients of `UnrolledLayer.tensors`; `d_hidden` are parts of that of the first hidden state."""
    d_weight, d_bias, d_inputs = cell.weight_gradients()
    d_input_bias = None if layer.input_bias is None else column_sums(cell.d_projected)
    return [d_weight, d_bias, *cell.start_gradients(*d_hidden), *d_inputs, d_input_bias]


def step_gradients(gradients: Tensor | None, num_steps: int) -> Sequence[tuple[ColumnSlice, ...]]:
    """Return for each step its gradient (R, H) as parts of a sum: one part, or none without gradients."""
    if gradients is None:
        return [()] * num_steps
    return [((step, 0),) for step in launcher(gradients).view_steps(gradients.contiguous())]


def refuse_double_backward() -> None:
    """Raise RuntimeError if the backward pass that is running is itself recorded."""
    if is_double_backward():
        raise RuntimeError(
            "a fused loop over time has no second derivatives, but this backward pass is recorded "
            "(create_graph=True); run forward and backward inside "
            '`with regard.kernels.forced("plain"):`, where the loop is taken step by step'
        )


LoopAttention = AttentionInputs | AttentionFunction


def attention_tensors(attention: LoopAttention) -> list[Tensor | None]:
    """Return all tensors of an attention that have gradients, in the order of its stage's `gradients`."""
    if isinstance(attention, AttentionFunction):
        return [*attention.memory, *attention.parameters]
    return [attention.keys, attention.values, attention.W, attention.v]


def attention_stage(
    attention: LoopAttention, cell: CellStage, contexts: Tensor, after_step: bool
) -> QueryAttention | RecordedAttention:
    """Return the stage that attends with the hidden state of a cell before or after each step."""
    states = slice(1, None) if after_step else slice(0, -1)
    if isinstance(attention, AttentionFunction):
        return RecordedAttention(attention, cell.hidden[states], contexts)
    return QueryAttention(attention, cell.cast_hidden[states], contexts)


def context_size(attention: LoopAttention) -> int:
    """Return M, the width of a context."""
    if isinstance(attention, AttentionFunction):
        return attention.context_size
    return attention.values.shape[-1]
