"""A weight, and perhaps a bias, as a loop on a GPU multiplies by them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.layouts import side_by_side


class Weight:
    """The twin of `layouts.Layouts`: cast once for all steps; the matrix library takes it as it lies.

    Everything is written into tensors made beforehand, which autocast leaves alone: in the thread that goes back it
    would not know the type that products run in.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype, rows: int) -> None:
        self.width = len(weights[0])
        self._matrix = side_by_side(weights, dtype)
        self._bias = None if bias is None else bias.detach().to(dtype)

    def forwards(self, rows: Tensor, plus: Tensor | None = None, then: str = "none") -> Tensor:
        """`W x + b`, plus something; or a function of it: none, tanh."""
        made = rows.new_empty(len(rows), self.width)
        first = self._bias if plus is None else plus
        if first is None:
            torch.mm(rows, self._matrix.t(), out=made)
        else:
            torch.addmm(first, rows, self._matrix.t(), out=made)
        if plus is not None and self._bias is not None:
            made.add_(self._bias)
        return made.tanh_() if then == "tanh" else made

    def backwards(self, grads: Tensor) -> Tensor:
        """`Wᵀ g`."""
        return torch.mm(grads, self._matrix, out=grads.new_empty(len(grads), self._matrix.shape[1]))
