"""Attention at every step of a loop, forward and backward: from a query to weights and context."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.kernels.dispatch import launcher
from regard.kernels.ops.attention import (
    AttentionInputs,
    add_value_gradients,
    additive_attention_backward,
    additive_attention_forward,
    dot_attention_backward,
    dot_attention_forward,
)
from regard.kernels.unroll.linear_stage import LinearStage


class AttentionStage:
    """Scores, softmax over the valid positions, and the weighted sum of the values.

    The score is `scale · v · tanh(q + k)`, or `scale · q · k` without v. `weights` (T, R, S) are those of all steps.
    Keys and values are read in the dtype of products.
    """

    def __init__(
        self,
        keys: Tensor,
        values: Tensor,
        valid: Tensor,
        v: Tensor | None,
        scale: float,
        num_steps: int,
        dtype: torch.dtype,
    ) -> None:
        self._on = on = launcher(keys)
        self._forward, self._backward = map(
            on.kernel,
            (dot_attention_forward, dot_attention_backward)
            if v is None
            else (additive_attention_forward, additive_attention_backward),
        )
        self._add_value_gradients = on.kernel(add_value_gradients)
        self._dtype = dtype
        self.weights = torch.empty(num_steps, *valid.shape, device=keys.device)
        self._step_weights = on.view_steps(self.weights)
        memory = keys.to(dtype), values.to(dtype), valid
        self._memory = [on.view(tensor.contiguous()) for tensor in memory]
        self._score = (scale,) if v is None else (on.view(v.contiguous()), scale)
        self._keys, self._values, self._v = keys, values, v

    def __call__(self, t: int, query: Any, context: Any) -> None:
        """Write the context of a query (R, K) into the first M columns of `context`."""
        self._forward(query, *self._memory, *self._score, self._step_weights[t], context)

    def begin_backward(self, d_weights: Tensor | None) -> None:
        """Prepare the backward pass, given the gradients (T, R, S) of the weights."""
        on, num_steps, num_rows = self._on, *self.weights.shape[:2]
        self.d_keys = self.weights.new_zeros(self._keys.shape)
        self._gradients = [on.view(self.d_keys)]
        width = self._values.shape[-1]
        self._d_contexts = self.weights.new_empty(num_steps, num_rows, width, dtype=self._dtype)
        self._step_d_contexts = on.view_steps(self._d_contexts)
        self._d_weights = (
            [on.view(torch.zeros_like(self.weights[0]))] * num_steps
            if d_weights is None
            else on.view_steps(d_weights.contiguous())
        )
        if self._v is not None:
            self.d_v = self.weights.new_zeros(len(self._keys), len(self._v))  # for each row
            self._gradients.append(on.view(self.d_v))

    def backward(self, t: int, query: Any, d_context: Any, d_query: Any) -> None:
        """Write the gradient (R, K) of a query, given that of its context in the first M columns of `d_context`."""
        step = query, *self._memory, self._step_weights[t], d_context, self._d_weights[t]
        self._backward(*step, *self._score, self._step_d_contexts[t], d_query, *self._gradients)

    def d_values(self) -> Tensor:
        """Return the gradient of the values, from all steps at once: `d_v_s = Σ_t w_ts d_c_t`."""
        d_values = torch.zeros_like(self._values, memory_format=torch.contiguous_format)
        self._add_value_gradients(*map(self._on.view, (self.weights, self._d_contexts, d_values)))
        return d_values


class QueryAttention:
    """Attention by kernels in a loop: an attention stage, and the product with W before it if the score has one.

    `hidden` (T, R, Q), in the dtype of products, is the block that the cell writes into, with the query of each step;
    contexts go into the first M columns of `contexts` (T, R, M + …).
    """

    def __init__(self, inputs: AttentionInputs, hidden: Tensor, contexts: Tensor) -> None:
        self._on = launcher(hidden)
        self._project = None if inputs.W is None else LinearStage([inputs.W], None, hidden)
        self._hidden, queries = hidden, hidden
        if self._project is not None:
            queries = hidden.new_empty(*hidden.shape[:2], self._project.width)
        self._queries, self._contexts = self._on.view_steps(queries), self._on.view_steps(contexts)
        memory = inputs.keys, inputs.values, inputs.valid
        self._attend = AttentionStage(*memory, inputs.v, inputs.scale, len(queries), queries.dtype)

    @property
    def weights(self) -> Tensor:
        """The attention weights (T, R, S) of all steps."""
        return self._attend.weights

    def __call__(self, t: int) -> None:
        """Attend: write the context of step t."""
        if self._project is not None:
            self._project(t, self._queries[t])
        self._attend(t, self._queries[t], self._contexts[t])

    def begin_backward(self, d_weights: Tensor | None) -> None:
        """Prepare the backward pass, given the gradients (T, R, S) of the weights."""
        self._attend.begin_backward(d_weights)
        d_queries = (
            torch.empty_like(self._hidden) if self._project is None else self._project.begin_backward()
        )
        self._d_queries = self._on.view_steps(d_queries)

    def backward(self, t: int, d_context: Tensor) -> Any:
        """Return the gradient (R, Q) of the query, given that of the context in the first M columns."""
        self._attend.backward(t, self._queries[t], self._on.view(d_context), self._d_queries[t])
        return self._d_queries[t] if self._project is None else self._project.backward(t)

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients of keys, values, W and v."""
        memory = [self._attend.d_keys, self._attend.d_values()]
        if self._project is None:
            return [*memory, None, None]
        return [*memory, *self._project.gradients()[0], self._attend.d_v.sum(dim=0)]
