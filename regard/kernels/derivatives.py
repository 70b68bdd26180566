"""Gradients of gradients: where they are wanted, a fused operation goes back by way of its plain form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def wanted_again() -> bool:
    """Whether the backward pass that runs now is itself recorded."""
    return torch.is_grad_enabled()


def through(
    plain: Callable[..., Any], inputs: Sequence[Tensor], grads: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    """The gradients of the inputs, with a graph of their own; `plain(*inputs)` gives as many outputs as `grads`."""
    leaves = [tensor.view_as(tensor) for tensor in inputs]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    made = plain(*leaves)
    outputs = made if isinstance(made, tuple) else (made,)
    found = iter(torch.autograd.grad(outputs, wanted, grads, create_graph=True, allow_unused=True))
    return tuple(next(found) if leaf.requires_grad else None for leaf in leaves)
