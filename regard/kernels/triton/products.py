"""A weight, and perhaps a bias, as a loop on a GPU multiplies by them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.gemm.packed import side_by_side


class Weight:
    """The twin of `layouts.PackedWeight`: cast once for all steps; the matrix library takes it as it lies.

    Everything is written into tensors made beforehand, which autocast leaves alone: in the thread that goes back it
    would not know the type that products run in.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype) -> None:
        self.width = len(weights[0])
        self._matrix = side_by_side(weights, dtype)
        self._bias = None if bias is None else bias.detach().to(dtype)

    def forward_into(
        self, given: Tensor, made: Tensor, plus: Tensor | None = None, activation: str = "none"
    ) -> None:
        """`W x + b`, plus something, and then nothing or its tanh, into the first columns of a tensor."""
        rows, out = given[:, : self._matrix.shape[1]], made[:, : self.width]
        first = self._bias if plus is None else plus
        if first is None:
            torch.mm(rows, self._matrix.t(), out=out)
        else:
            torch.addmm(first, rows, self._matrix.t(), out=out)
        if plus is not None and self._bias is not None:
            out.add_(self._bias)
        if activation == "tanh":
            out.tanh_()

    def backward_into(self, grads: Tensor, made: Tensor) -> None:
        """`Wᵀ g`, into the first columns of a tensor."""
        torch.mm(grads, self._matrix, out=made[:, : self._matrix.shape[1]])
