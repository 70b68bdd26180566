"""From one layer of a loop to the next: the hidden state below enters the layer above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from regard.kernels.compile import kernel
from regard.kernels.dispatch import launcher
from regard.kernels.intrinsics import cast_like, to_float32
from regard.kernels.threads import parallel_range
from regard.kernels.unroll.cell_stage import CellStage, ColumnSlice


class LayerInput:
    """Writes the hidden state of a layer, times a dropout mask (T, R, H) if any, into `entering` of the one above."""

    def __init__(self, lower: CellStage, upper: CellStage, mask: Tensor | None) -> None:
        on, size = launcher(upper.entering), lower.hidden.shape[-1]
        self._apply_mask = on.kernel(apply_mask)
        self._lower, self._mask = lower, None if mask is None else on.view_steps(mask.contiguous())
        if mask is None:
            self._hidden = lower.cast_hidden[1:].unbind(0)
            self._entering: Sequence[Any] = upper.entering[:, :, :size].unbind(0)
        else:
            self._entering = on.view_steps(upper.entering)
            self._d_hidden = on.view(torch.empty_like(lower.cast_hidden[0]))

    def __call__(self, t: int) -> None:
        """Run after step t of the lower layer and before step t of the upper one."""
        if self._mask is None:
            self._entering[t].copy_(self._hidden[t])
        else:
            self._apply_mask(self._lower.cast_after[t], self._mask[t], self._entering[t])

    def backward(self, t: int, d_entering: Any) -> ColumnSlice:
        """Return the gradient of the lower hidden state, given that of `entering` of the upper layer."""
        if self._mask is None:
            return d_entering, 0
        self._apply_mask(d_entering, self._mask[t], self._d_hidden)
        return self._d_hidden, 0


@kernel
def apply_mask(input, mask, output):  # type: ignore[no-untyped-def]
    """Write `input ⊙ mask`, of as many columns as the mask (R, H) has, into the first columns of `output`."""
    for r in parallel_range(len(mask)):
        x, m, out = input[r], mask[r], output[r]
        for j in range(len(m)):
            out[j] = cast_like(out, to_float32(x[j]) * to_float32(m[j]))
