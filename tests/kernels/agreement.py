"""Comparison of a fused operation with its plain form: values, gradients, gradients of gradients."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from regard import kernels

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # as `make test-triton` sets it
DEVICE = os.environ.get("REGARD_TEST_DEVICE", "cpu")  # cuda: tensors are made there
of_numba = pytest.mark.skipif(INTERPRETED or DEVICE != "cpu", reason="looks into what only the CPU has")
CLOSE = {"atol": 1e-5, "rtol": 1e-5}  # float32 sums of a few hundred terms in another order


def leaves(*shapes: Sequence[int], dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return random tensors that require gradients; the shape `()` gives a scalar."""
    return [torch.randn(tuple(shape), dtype=dtype).requires_grad_() for shape in shapes]


def weighted(outputs: Any) -> Tensor:
    """Return a number that depends on all outputs, on each element in another way."""
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    targets = [part for part in parts if part.requires_grad]
    return sum(
        (part * torch.linspace(-1, 2, part.numel()).reshape(part.shape)).sin().sum() for part in targets
    )  # type: ignore[return-value]


def check_agreement(operation: Callable[..., Any], inputs: Sequence[Tensor], *more: Any) -> None:
    """Check that both forms of an operation agree, and so do their first and second derivatives.

    `more` are arguments without gradients. Infinite outputs must be infinite in both forms.
    """
    found = {}
    for form in kernels.BACKENDS:
        with kernels.forced(form):
            outputs = operation(*inputs, *more)
            targets = [tensor for tensor in inputs if tensor.requires_grad]
            first = torch.autograd.grad(weighted(outputs), targets, allow_unused=True, create_graph=True)
            steepness = sum(g.square().sum() for g in first if g is not None)
            second = torch.autograd.grad(steepness, targets, allow_unused=True)
            outputs = operation(*inputs, *more)
            direct = torch.autograd.grad(weighted(outputs), targets, allow_unused=True)
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        found[form] = [*parts, *first, *direct], list(second)
    for order, allowed in enumerate((1e-5, 1e-4)):  # of the largest number in a tensor
        for fused, plain in zip(found["fused"][order], found["plain"][order], strict=True):
            expected = _or_zero(plain, fused)
            finite = expected[expected.isfinite()]
            scale = float(finite.abs().amax()) if finite.numel() else 0.0
            torch.testing.assert_close(_or_zero(fused, plain), expected, atol=allowed * (1 + scale), rtol=0)


def _or_zero(one: Tensor | None, other: Tensor | None) -> Tensor:
    """Return the first tensor; without one zeros like the other: no gradient is a gradient of zero."""
    if one is not None:
        return one.detach()
    return torch.zeros(()) if other is None else torch.zeros_like(other)
