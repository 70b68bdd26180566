"""A weight, and perhaps a bias, as a loop on a GPU multiplies by them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.gemm.packed import concat_weights


class DenseWeight:
    """The twin of `PackedWeight`: a weight cast once for all steps; the matrix library packs it itself.

    Everything is written into tensors allocated before, which autocast leaves alone: in the thread of the backward
    pass it would not know the dtype of products.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype) -> None:
        self.width = len(weights[0])
        self._matrix = concat_weights(weights, dtype)
        self._bias = None if bias is None else bias.detach().to(dtype)

    def forward_into(
        self, input: Tensor, output: Tensor, addend: Tensor | None = None, activation: str = "none"
    ) -> None:
        """Write `W x + b`, plus an addend (R, O), or the tanh of it all, to the first O columns of a tensor."""
        rows, out = input[:, : self._matrix.shape[1]], output[:, : self.width]
        first = self._bias if addend is None else addend
        if first is None:
            torch.mm(rows, self._matrix.t(), out=out)
        else:
            torch.addmm(first, rows, self._matrix.t(), out=out)
        if addend is not None and self._bias is not None:
            out.add_(self._bias)
        if activation == "tanh":
            out.tanh_()

    def backward_into(self, grads: Tensor, d_input: Tensor) -> None:
        """Write `Wᵀ g`, for gradients g (R, O), to the first I columns of a tensor."""
        torch.mm(grads, self._matrix, out=d_input[:, : self._matrix.shape[1]])
