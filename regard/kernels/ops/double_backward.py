"""Gradients of gradients: where they are wanted, a fused operation goes back by way of its plain form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def is_double_backward() -> bool:
    """Whether the backward pass that runs now is itself recorded."""
    return torch.is_grad_enabled()


def double_backward(
    plain: Callable[..., Any], inputs: Sequence[Tensor | None], grads: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """The gradients of the inputs, with a graph of their own; `plain(*inputs)` gives as many outputs as `grads`.

    An input may be missing; an output whose gradient is None is not counted.
    """
    leaves = [None if tensor is None else tensor.view_as(tensor) for tensor in inputs]
    wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    made = plain(*leaves)
    outputs = made if isinstance(made, tuple) else (made,)
    used, given = zip(*((o, g) for o, g in zip(outputs, grads, strict=True) if g is not None), strict=True)
    found = iter(torch.autograd.grad(used, wanted, given, create_graph=True, allow_unused=True))
    return tuple(next(found) if leaf is not None and leaf.requires_grad else None for leaf in leaves)
