"""Looks at a memory: scores, softmax and weighted sum at every step of a loop, forwards and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.kernels.dispatch import launcher
from regard.kernels.ops.attention import (
    add_value_gradients,
    additive_attention_backward,
    additive_attention_forward,
    dot_attention_backward,
    dot_attention_forward,
)


class Look:
    """Scores, softmax over the places that are valid, and the weighted sum: attention from query to context.

    The score is `v · tanh(q + k)`, or `scale · q · k` without v. `weights` (T, R, S); the temperature divides scores.
    Keys and values are read at every step, in the numbers of products.
    """

    def __init__(
        self,
        keys: Tensor,
        values: Tensor,
        valid: Tensor,
        v: Tensor | None,
        scale: float,
        steps: int,
        dtype: torch.dtype,
    ) -> None:
        on = launcher(keys)
        self._take, self._steps, self._dtype = on.view, on.view_steps, dtype
        self._forth, self._back_over = map(
            on.kernel,
            (dot_attention_forward, dot_attention_backward)
            if v is None
            else (additive_attention_forward, additive_attention_backward),
        )
        self._values_back = on.kernel(add_value_gradients)
        self.weights = torch.empty(steps, *valid.shape, device=keys.device)
        self._made = on.view_steps(self.weights)
        memory = keys.to(dtype), values.to(dtype), valid
        self._memory = [on.view(tensor.contiguous()) for tensor in memory]
        self._score = (scale,) if v is None else (on.view(v.contiguous()), scale)
        self._keys, self._values, self._v = keys, values, v

    def __call__(self, t: int, query: Any, context: Any) -> None:
        """Write the context of a query (R, K) into the first M columns; both as loops take them."""
        self._forth(query, *self._memory, *self._score, self._made[t], context)

    def begin_back(self, d_weights: Tensor | None) -> None:
        """Get ready to go back, from the gradients of the weights."""
        new, take = self.weights.new_zeros, self._take
        self.d_keys = new(self._keys.shape)
        self._grads = [take(self.d_keys)]
        steps, rows, _ = self.weights.shape
        self._d_contexts = self.weights.new_empty(steps, rows, self._values.shape[-1], dtype=self._dtype)
        self._kept = self._steps(self._d_contexts)
        self._wanted = (
            [take(torch.zeros_like(self.weights[0]))] * len(self.weights)
            if d_weights is None
            else self._steps(d_weights.contiguous())
        )
        if self._v is not None:
            self.d_v = new(len(self._keys), len(self._v))
            self._grads.append(take(self.d_v))

    def back(self, t: int, query: Any, d_context: Any, d_query: Any) -> None:
        """Write the gradient of the query of a step, from that of the context in the first M columns."""
        given = query, *self._memory, self._made[t], d_context, self._wanted[t]
        self._back_over(*given, *self._score, self._kept[t], d_query, *self._grads)

    def d_values(self) -> Tensor:
        """The gradient of the values, from all steps."""
        made = torch.zeros_like(self._values, memory_format=torch.contiguous_format)
        self._values_back(*map(self._take, (self.weights, self._d_contexts, made)))
        return made
