"""Gradients of gradients: a fused operation computes them through its plain form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def is_double_backward() -> bool:
    """Whether the backward pass that is running is itself recorded."""
    return torch.is_grad_enabled()


def double_backward(
    plain: Callable[..., Any], inputs: Sequence[Tensor | None], grads: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """Return the gradients of the inputs, with a graph of their own.

    `plain(*inputs)` returns one output for each of `grads`; outputs whose gradient is None are left out.
    """
    leaves = [None if tensor is None else tensor.view_as(tensor) for tensor in inputs]
    targets = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    result = plain(*leaves)
    outputs = result if isinstance(result, tuple) else (result,)
    pairs = [(output, grad) for output, grad in zip(outputs, grads, strict=True) if grad is not None]
    used, used_grads = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(used, targets, used_grads, create_graph=True, allow_unused=True))
    return tuple(next(found) if leaf is not None and leaf.requires_grad else None for leaf in leaves)
