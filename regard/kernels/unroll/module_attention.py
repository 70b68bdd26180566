"""Attention without kernels inside a fused loop: autograd records its own operations at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regard.kernels.dispatch import launcher


@dataclass(frozen=True)
class AttentionFunction:
    """Attention as a function: `attend(query, memory)` returns context (R, M) and weights (R, S) of a query (R, Q).

    `memory` are the tensors of the memory whose gradients are formed, `parameters` all others that the function
    reads; a tensor that is in neither gets no gradient. The function must not depend on the steps before. If
    `recorded`, its steps are recorded for a backward pass.
    """

    attend: Callable[[Tensor, Sequence[Tensor]], tuple[Tensor, Tensor]]
    memory: Sequence[Tensor]
    parameters: Sequence[Tensor]
    context_size: int
    recorded: bool


class RecordedAttention:
    """The counterpart of `QueryAttention` for an attention function.

    Each step is recorded from a query without history, so that going back, its gradient comes from the graph of that
    step alone. The gradients of memory and parameters come from the graphs of all steps at once, in the end.
    """

    def __init__(self, function: AttentionFunction, hidden: Tensor, contexts: Tensor) -> None:
        self._function, self._hidden = function, hidden.unbind(0)
        self._contexts = contexts[:, :, : function.context_size].unbind(0)
        self._memory = [part.detach().requires_grad_(part.requires_grad) for part in function.memory]
        self._view = launcher(hidden).view
        self._steps: list[tuple[Tensor, Tensor, Tensor]] = []  # query, context, weights

    @property
    def weights(self) -> Tensor:
        """The attention weights (T, R, S) of all steps."""
        return torch.stack([weights.detach() for _, _, weights in self._steps])

    def __call__(self, t: int) -> None:
        """Attend: write the context of step t."""
        with torch.set_grad_enabled(self._function.recorded):
            query = self._hidden[t].detach().requires_grad_(self._function.recorded)
            context, weights = self._function.attend(query, self._memory)
        self._contexts[t].copy_(context.detach())
        self._steps.append((query, context, weights))

    def begin_backward(self, d_weights: Tensor | None) -> None:
        """Prepare the backward pass, given the gradients (T, R, S) of the weights."""
        self._d_weights = None if d_weights is None else d_weights.unbind(0)
        self._recorded: tuple[list[Tensor], list[Tensor]] = [], []  # outputs and their gradients

    def backward(self, t: int, d_context: Tensor) -> Any:
        """Return the gradient (R, Q) of the query, given that of the context in the first M columns."""
        query, *outputs = self._steps[t]
        gradients = [d_context[:, : self._function.context_size].to(outputs[0].dtype, copy=True)]
        if self._d_weights is not None:
            gradients.append(self._d_weights[t])
        pairs = [pair for pair in zip(outputs, gradients, strict=False) if pair[0].requires_grad]
        d_query = None
        if pairs:
            recorded = tuple(zip(*pairs, strict=True))
            for kept, part in zip(self._recorded, recorded, strict=True):
                kept.extend(part)
            (d_query,) = torch.autograd.grad(
                recorded[0], [query], recorded[1], retain_graph=True, allow_unused=True
            )
        return self._view(torch.zeros_like(query) if d_query is None else d_query.contiguous())

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients of memory and parameters."""
        tensors = [*self._memory, *self._function.parameters]
        inputs = [tensor for tensor in tensors if tensor.requires_grad]
        outputs, d_outputs = self._recorded
        if not outputs or not inputs:
            return [None] * len(tensors)
        found = iter(torch.autograd.grad(outputs, inputs, d_outputs, retain_graph=True, allow_unused=True))
        return [next(found) if tensor.requires_grad else None for tensor in tensors]
