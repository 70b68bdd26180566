"""Products with a weight at every step of a loop; their weight gradients are formed once, after the last step."""

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
from regard.kernels.unroll.layout import PaddedSteps, Steps


class LinearStage:
    """`W x + b` at every step, or the product with several weights (O, I) side by side.

    `inputs` is the block (T, R, I) that the loop writes the inputs into; going back, it writes the gradients of the
    outputs into `d_outputs` (T, R, O). With `steps`, `inputs` is instead a block of states laid out as `steps` says,
    and each step multiplies the state before it. Arguments and results of a step are as kernels take them; an output
    that no argument provides space for is overwritten by the next step.
    """

    def __init__(
        self, weights: Sequence[Tensor], bias: Tensor | None, inputs: Tensor, steps: Steps | None = None
    ) -> None:
        self._on = launcher(inputs)
        packed: type[PackedWeight] = self._on.kernel(PackedWeight)
        self._weight = packed(weights, bias, inputs.dtype)
        self._widths, self._has_bias = [weight.shape[1] for weight in weights], bias is not None
        self.inputs, self._reads_states = inputs, steps is not None
        self._steps = steps or PaddedSteps(*inputs.shape[:2])
        self._step_inputs = (
            self._on.view_steps(inputs) if steps is None else steps.split_before(inputs, self._on)
        )
        self._output = self._on.view(inputs.new_empty(self._steps.num_rows, self.width))
        self.d_outputs: Tensor = torch.empty(0)
        self._step_d_outputs: Sequence[Any] = ()

    @property
    def width(self) -> int:
        """O, the number of columns of the output."""
        return self._weight.width

    def __call__(self, t: int, output: Any = None, plus: Any = None, activation: str = "none") -> Any:
        """Write `W x + b`, plus an addend (R, O), then "none" or its "tanh", to the first O columns of `output`."""
        output = self._steps.active(t, self._output) if output is None else output
        self._weight.forward_into(self._step_inputs[t], output, plus, activation)
        return output

    def begin_backward(self, d_outputs: Tensor | None = None) -> Tensor:
        """Prepare the backward pass; return the block for the gradients of the outputs, a new one unless given."""
        if d_outputs is None:
            d_outputs = self._steps.buffer(self.width, self.inputs)
        self.d_outputs, self._step_d_outputs = d_outputs, self._steps.split(d_outputs, self._on)
        self.d_input = self.inputs.new_empty(self._steps.num_rows, sum(self._widths))
        self._d_input = self._on.view(self.d_input)
        return d_outputs

    def backward(self, t: int) -> Any:
        """Return the gradient (R, I) of the input of a step, `Wᵀ d_output`; the next call overwrites it."""
        d_input = self._steps.active(t, self._d_input)
        self._weight.backward_into(self._step_d_outputs[t], d_input)
        return d_input

    def gradients(self) -> tuple[list[Tensor], Tensor | None]:
        """Return the gradients of the weights and of the bias, summed over all steps: `d_outputsᵀ inputs`."""
        d_outputs = self.d_outputs.reshape(-1, self.width)
        inputs = self._steps.before(self.inputs) if self._reads_states else self.inputs.flatten(0, 1)
        with torch.autocast(d_outputs.device.type, enabled=False):
            d_weights = d_outputs.t() @ inputs
        parts = [part.float().contiguous() for part in d_weights.split(self._widths, dim=1)]
        return parts, column_sums(self.d_outputs) if self._has_bias else None


@kernel
def tanh_backward(d_output, d_fed, output, d_input):  # type: ignore[no-untyped-def]
    """Write the gradient (R, N) of the input of `y = tanh(x)`: `d_x = (d_y + d_y') (1 - y²)`.

    `d_y` and `d_y'` are two parts of the gradient of the output, in the first N columns of `d_output` and `d_fed`.
    """
    for r in parallel_range(len(d_input)):
        d, more, y, out = d_output[r], d_fed[r], output[r], d_input[r]
        for j in range(len(out)):
            slope = f32(1) - to_float32(y[j]) * to_float32(y[j])
            out[j] = cast_like(out, (to_float32(d[j]) + to_float32(more[j])) * slope)
