"""What loops with attention share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import at_least_float32, autocast_dtype
from regard.kernels.gemm.deferred import dot_scores, weighted_sum
from regard.kernels.ops.additive import additive_plain
from regard.kernels.ops.attention import AttentionInputs
from regard.kernels.ops.gru import gru_plain
from regard.kernels.ops.lstm import lstm_plain
from regard.kernels.unroll.attention_stage import Look
from regard.kernels.unroll.product import Product
from regard.kernels.unroll.recurrent import Recurrence
from regard.kernels.unroll.stages import CELLS, Cell


@dataclass(frozen=True)
class _Loop:
    """What of a loop with attention is no tensor that wants a gradient."""

    cell: str
    layers: int
    dtype: torch.dtype
    valid: Tensor
    scale: float
    masks: Sequence[Tensor] | None

    def cell_of(
        self,
        layer: int,
        projected: Tensor,
        weights: Sequence[Tensor],
        start: Sequence[Tensor],
        below: Tensor,
    ) -> Cell:
        """The cell of a layer, from weights, biases and first states of all layers in a row."""
        weight, bias = weights[2 * layer : 2 * layer + 2]
        return CELLS[self.cell](projected, weight, bias, self._part(start, layer), self.dtype, below=below)

    def step(
        self, layer: int, projected: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor]
    ) -> list[Tensor]:
        """The plain step of a layer."""
        state = self._part(states, layer)
        products = projected, F.linear(state[0], *weights[2 * layer : 2 * layer + 2])
        return list(lstm_plain(*products, *state)) if self.cell == "lstm" else [gru_plain(*products, *state)]

    def look(
        self, query: Tensor, keys: Tensor, values: Tensor, project: Tensor | None, v: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The plain look: context and weights."""
        if project is None or v is None:
            scores = dot_scores(query.unsqueeze(1), keys).squeeze(1)
        else:
            scores = additive_plain(F.linear(query, project).unsqueeze(1), keys, v).squeeze(1)
        scores = at_least_float32(scores * self.scale).masked_fill(
            ~self.valid, torch.finfo(torch.float32).min
        )
        weights = torch.softmax(scores, dim=-1) * self.valid
        return weighted_sum(weights.unsqueeze(1), values).squeeze(1), weights

    def _part(self, states: Sequence[Tensor], layer: int) -> Sequence[Tensor]:
        parts = len(states) // self.layers
        return states[layer * parts : (layer + 1) * parts]


def _loop(
    recurrences: Sequence[Recurrence],
    looking: AttentionInputs,
    projected: Tensor,
    masks: Sequence[Tensor] | None = None,
) -> tuple[_Loop, list[Tensor | None]]:
    """The loop, and the tensors of the memory and of all layers in the order in which operations take them."""
    loop = _Loop(
        recurrences[0].cell, len(recurrences), autocast_dtype(projected), looking.valid, looking.scale, masks
    )
    memory = [looking.keys, looking.values, looking.W, looking.v]
    return loop, [*memory, *(part for each in recurrences for part in (each.weight, each.bias))]


class _Query:
    """From a state to the scores: the product with W, if there is one, and the look."""

    def __init__(self, loop: _Loop, memory: Sequence[Tensor | None], steps: int, inputs: Tensor) -> None:
        keys, values, project, v = memory
        assert keys is not None
        assert values is not None
        self._on = launcher(inputs)
        self._product = None if project is None else Product([project], None, inputs)
        self._inputs, self._queries = inputs, self._on.view_steps(inputs)
        if self._product is not None:
            self._queries = self._on.view_steps(
                inputs.new_empty(*inputs.shape[:2], self._product.layouts.width)
            )
        self.look = Look(keys, values, loop.valid, v, loop.scale, steps, loop.dtype)

    def __call__(self, t: int, context: Any) -> None:
        """Write the context of a step into the first columns."""
        if self._product is not None:
            self._product(t, self._queries[t])
        self.look(t, self._queries[t], context)

    def begin_back(self, d_weights: Tensor | None) -> None:
        """Get ready to go back, from the gradients of the weights."""
        self.look.begin_back(d_weights)
        grads = torch.empty_like(self._inputs) if self._product is None else self._product.room()
        self._grads = self._on.view_steps(grads)

    def back(self, t: int, d_context: Any) -> Any:
        """The gradient of the state."""
        self.look.back(t, self._queries[t], d_context, self._grads[t])
        return self._grads[t] if self._product is None else self._product.back(t)

    def gradients(self) -> list[Tensor | None]:
        """Of keys, values, W and v."""
        memory = [self.look.d_keys, self.look.d_values()]
        if self._product is None:
            return [*memory, None, None]
        return [*memory, *self._product.gradients()[0], self.look.d_v.sum(dim=0)]
