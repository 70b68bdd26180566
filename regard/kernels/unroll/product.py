"""The products with a weight at every step of a loop, and the gradients that all steps share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from regard.kernels.compile import f32, kernel
from regard.kernels.dispatch import launcher
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.intrinsics import cast_like, to_float32
from regard.kernels.ops.reduce import column_sums
from regard.kernels.threads import parallel_range
from regard.kernels.unroll.layout import PackedSteps, PaddedSteps


class Product:
    """`W x + b`, or that of several weights side by side, for steps whose inputs (T, R, width) stand in a block.

    Whoever uses it writes them and, going back, `grads` (T, R, outputs). If `steps` says how steps stand in a block,
    the inputs are states, of which each step reads the one before. Everything is as loops take it; what no place is
    given for is written over by the next step.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        bias: Tensor | None,
        inputs: Tensor,
        steps: PaddedSteps | PackedSteps | None = None,
    ) -> None:
        self._on = launcher(inputs)
        laid: type[PackedWeight] = self._on.kernel(PackedWeight)
        self.layouts = laid(weights, bias, inputs.dtype)
        self.inputs, self._states = inputs, steps is not None
        self._steps = steps or PaddedSteps(*inputs.shape[:2])
        self._given = self._on.view_steps(inputs) if steps is None else steps.olds(inputs, self._on)
        self._made = self._on.view(inputs.new_empty(self._steps.rows, self.layouts.width))
        self._widths, self._biased = [weight.shape[1] for weight in weights], bias is not None
        self.grads: Tensor = torch.empty(0)
        self._wanted: Sequence[Any] = ()

    def __call__(self, t: int, made: Any = None, plus: Any = None, activation: str = "none") -> Any:
        """The product at a step, plus something, and then nothing or its tanh, in the first columns of `made`."""
        made = self._steps.first_rows(t, self._made) if made is None else made
        self.layouts.forward_into(self._given[t], made, plus, activation)
        return made

    def back(self, t: int) -> Any:
        """The gradient of the input at a step."""
        made = self._steps.first_rows(t, self._back)
        self.layouts.backward_into(self._wanted[t], made)
        return made

    def room(self) -> Tensor:
        """Make room for the gradients of the outputs."""
        return self.want(self._steps.room(self.layouts.width, self.inputs))

    def want(self, grads: Tensor) -> Tensor:
        """Take the gradients of the outputs from here."""
        self.grads, self._wanted = grads, self._steps.cut(grads, self._on)
        self.d_input = self.inputs.new_empty(self._steps.rows, sum(self._widths))
        self._back = self._on.view(self.d_input)
        return grads

    def gradients(self) -> tuple[list[Tensor], Tensor | None]:
        """Of the weights and of the bias, from all steps."""
        grads = self.grads.reshape(-1, self.layouts.width)
        inputs = self._steps.before(self.inputs) if self._states else self.inputs.flatten(0, 1)
        with torch.autocast(grads.device.type, enabled=False):
            joined = grads.t() @ inputs
        weights = [part.float().contiguous() for part in joined.split(self._widths, dim=1)]
        return weights, column_sums(self.grads) if self._biased else None


@kernel
def tanh_back(d_made, more, made, d_given):  # type: ignore[no-untyped-def]
    """The gradient of what tanh was given, from two parts of the gradient of what it made, in their first columns."""
    for r in parallel_range(len(d_given)):
        d, m, y, out = d_made[r], more[r], made[r], d_given[r]
        for j in range(len(out)):
            out[j] = cast_like(
                out, (to_float32(d[j]) + to_float32(m[j])) * (f32(1) - to_float32(y[j]) * to_float32(y[j]))
            )
