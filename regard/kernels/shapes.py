"""Checks of shapes where compiled kernels are entered: inside, memory is read and written unchecked."""

from __future__ import annotations

from torch import Tensor

from regard.errors import ShapeError


def expect_shape(operation: str, name: str, tensor: Tensor, *shape: int) -> None:
    """Raise ShapeError unless the argument `name` of an operation has this shape."""
    if tensor.shape != shape:
        raise ShapeError(f"{operation}: expected {name} of shape {shape}, got {tuple(tensor.shape)}")
