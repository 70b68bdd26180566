"""The products with a weight at every step of a loop, and the gradients that all steps share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.kernels.compiled import add_columns, f32, kernel, like, prange, wide
from regard.kernels.layouts import Layouts
from regard.kernels.operations import operations
from regard.kernels.parts.steps import Even, Falling


class Product:
    """`W x + b`, or that of several weights side by side, for steps whose inputs (T, R, width) stand in a block.

    Whoever uses it writes them and, going back, `grads` (T, R, outputs). If `steps` says how steps stand in a block,
    the inputs are states, of which each step reads the one before.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        bias: Tensor | None,
        inputs: Tensor,
        steps: Even | Falling | None = None,
    ) -> None:
        laid: type[Layouts] = operations(inputs).of(Layouts)
        self.inputs, self._own = inputs, steps
        self._steps = steps or Even(*inputs.shape[:2])
        self.layouts = laid(weights, bias, inputs.dtype, self._steps.rows)
        self.given = inputs.unbind(0) if steps is None else steps.given(inputs)
        self.grads: Tensor = torch.empty(0)
        self._widths, self._biased = [weight.shape[1] for weight in weights], bias is not None
        self._wanted: Sequence[Tensor] = ()

    def __call__(self, t: int, plus: Tensor | None = None, then: str = "none") -> Tensor:
        """The product at a step, plus something, and then a function of it (an operation of oneDNN's)."""
        return self.layouts.forwards(self.given[t], plus, then)

    def back(self, t: int) -> Tensor:
        """The gradient of the input at a step."""
        return self.layouts.backwards(self._wanted[t])

    def room(self) -> Tensor:
        """Make room for the gradients of the outputs."""
        return self.want(self._steps.room(self.layouts.width, self.inputs))

    def want(self, grads: Tensor) -> Tensor:
        """Take the gradients of the outputs from here."""
        self.grads, self._wanted = grads, self._steps.pieces(grads)
        return grads

    def gradients(self) -> tuple[list[Tensor], Tensor | None]:
        """Of the weights and of the bias, from all steps."""
        grads = self.grads.reshape(-1, self.layouts.width)
        inputs = self.inputs.flatten(0, 1) if self._own is None else self._own.before(self.inputs)
        with torch.autocast(grads.device.type, enabled=False):
            joined = grads.t() @ inputs
        weights = [part.float().contiguous() for part in joined.split(self._widths, dim=1)]
        return weights, column_sums(self.grads) if self._biased else None


def column_sums(grads: Tensor) -> Tensor:
    """The gradient of a bias, from those of all steps (…, outputs)."""
    sums = torch.zeros(grads.shape[-1], device=grads.device)
    operations(grads)(add_columns, grads.reshape(-1, grads.shape[-1]), sums)
    return sums


@kernel
def tanh_back(d_made, more, made, d_given):  # type: ignore[no-untyped-def]
    """The gradient of what tanh was given, from two parts of the gradient of what it made, in their first columns."""
    for r in prange(len(d_given)):
        d, m, y, out = d_made[r], more[r], made[r], d_given[r]
        for j in range(len(out)):
            out[j] = like(out, (wide(d[j]) + wide(m[j])) * (f32(1) - wide(y[j]) * wide(y[j])))
