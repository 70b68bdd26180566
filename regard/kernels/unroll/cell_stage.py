"""Recurrent cells step by step inside a loop, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from regard.kernels.compile import kernel
from regard.kernels.dispatch import launcher
from regard.kernels.intrinsics import to_float32
from regard.kernels.ops.gru import gru_backward, gru_forward
from regard.kernels.ops.lstm import lstm_backward, lstm_forward
from regard.kernels.threads import parallel_range
from regard.kernels.unroll.layout import PaddedSteps, Steps
from regard.kernels.unroll.linear_stage import LinearStage

ColumnSlice = tuple[
    Any, int
]  # a gradient (R, H), as kernels take it: the matrix it lies in, and its first column there


class CellStage:
    """A recurrent cell over all steps; `projected` (T, R, G) is the part of its gates that is known beforehand.

    `states` holds a block (T + 1, R, H) in float32 for each tensor of the cell's state, beginning with the states
    `start` before the first step; `hidden` is the first of them. `cast_hidden` is `hidden` in the dtype of products,
    the same tensor in float32. `live` (T, R) is False where a row has ended and keeps its state. `steps` says how the
    rows of the steps are laid out; by default all rows take all steps, first to last.

    `input_weights` (G, X) are for inputs that only the loop knows: the loop writes them, side by side, into the first
    columns of `entering` (T + 1, R, X + …) before each step, and their product is added to `projected`. The entry
    after the last step is never read. Steps take and return matrices as kernels take them.
    """

    num_states: ClassVar[int]
    num_gates: ClassVar[int]
    kernels: ClassVar[tuple[Any, Any]]  # forward and backward of one step
    entering: Tensor

    def __init__(
        self,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor,
        start: Sequence[Tensor],
        dtype: torch.dtype,
        live: Tensor | None = None,
        input_weights: Sequence[Tensor] = (),
        steps: Steps | None = None,
    ) -> None:
        self.steps = steps = steps or PaddedSteps(*projected.shape[:2])
        num_rows, size = start[0].shape
        self._on = on = launcher(start[0])
        self._forward, self._backward = map(on.kernel, self.kernels)
        self._sum_gradients = on.kernel(sum_gradients)
        self.states = [steps.state_buffer(first) for first in start]
        self.hidden = self.states[0]
        self.cast_hidden = self.hidden if dtype == torch.float32 else steps.state_buffer(start[0].to(dtype))
        self.cast_after = steps.split_after(self.cast_hidden, on)
        all_live = torch.ones(num_rows, dtype=torch.bool, device=self.hidden.device)
        self._live: Sequence[Any] = (
            [on.view(all_live)] * len(steps.order) if live is None else on.view_steps(live.contiguous())
        )
        gate_dtype = on.gate_dtype if dtype == torch.bfloat16 else torch.float32
        self._gates = steps.split(steps.buffer(self.num_gates * size, self.hidden, gate_dtype), on)
        self._before = [steps.split_before(states, on) for states in self.states]
        self._after = [steps.split_after(states, on) for states in self.states]
        self._prepare_products(projected, input_weights, weight, bias)

    def _prepare_products(
        self, projected: Tensor, input_weights: Sequence[Tensor], weight: Tensor, bias: Tensor
    ) -> None:
        """Pack the weights that a step multiplies by."""
        raise TypeError(f"{type(self).__name__} promises products but has none")

    def __call__(self, t: int) -> None:
        """Take a step: write the new states, and the hidden state also into `cast_hidden`."""
        raise TypeError(f"{type(self).__name__} promises a step but does not take one")

    def begin_backward(self, d_last: Sequence[Tensor | None] = ()) -> None:
        """Prepare the backward pass, given the gradients (R, H) of the last states, none of which are overwritten."""
        shape = self.steps.num_rows, self.hidden.shape[-1]
        self.d_projected = self._gradient_buffer()  # (T, R, G)
        self._d_gates = self.steps.split(self.d_projected, self._on)
        self._d_states = [
            self.hidden.new_zeros(shape) if d is None else self.steps.from_batch(d)
            for d in (d_last or [None] * self.num_states)
        ]
        self._d_after = [self._on.view(d) for d in self._d_states]
        self._d_hidden = self.hidden.new_empty(shape)
        self._d_hidden_view = self._on.view(self._d_hidden)
        self._d_from_next: ColumnSlice = self._on.view(self.cast_hidden.new_zeros(shape)), 0

    def backward(self, t: int, *d_hidden: ColumnSlice) -> Any:
        """Go back over a step, given the gradient of its hidden state as a sum of at most two parts.

        Writes the gradient of `projected`, and returns a matrix whose first columns are the gradient of what was
        written into `entering`; the next call overwrites it.
        """
        raise TypeError(f"{type(self).__name__} promises to go back but does not")

    @property
    def d_entering(self) -> Tensor:
        """What `backward` returned last, as a tensor (R, X + …)."""
        raise TypeError(f"{type(self).__name__} promises to go back but does not")

    def start_gradients(self, *d_hidden: ColumnSlice) -> list[Tensor]:
        """Return the gradients of `start`; `d_hidden` are parts of the gradient of the first hidden state."""
        raise TypeError(f"{type(self).__name__} promises to go back but does not")

    def weight_gradients(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the gradients of `weight`, `bias` and `input_weights`."""
        raise TypeError(f"{type(self).__name__} promises gradients but has none")

    def _gradient_buffer(self) -> Tensor:
        raise TypeError(f"{type(self).__name__} has no buffer for its gradients")

    def _sum(self, d_hidden: Sequence[ColumnSlice], total: Any) -> Any:
        """Sum the gradient of a hidden state: from rows that keep it, from the next step, and from `d_hidden`."""
        first, second = (*d_hidden, self._d_from_next, self._d_from_next)[:2]
        self._sum_gradients(self._d_after[0], *self._d_from_next, len(d_hidden), *first, *second, total)
        return total


class LSTMStage(CellStage):
    """Long short-term memory; entering inputs and hidden state lie side by side, for one product."""

    num_states, num_gates, kernels = 2, 4, (lstm_forward, lstm_backward)

    def _prepare_products(
        self, projected: Tensor, input_weights: Sequence[Tensor], weight: Tensor, bias: Tensor
    ) -> None:
        self._projected = self.steps.split(projected, self._on)
        self._input_size = sum(part.shape[1] for part in input_weights)
        self._entering_hidden: Sequence[Tensor] = ()
        if not input_weights:
            self._recur = LinearStage([weight], bias, self.cast_hidden, self.steps)
            return
        num_states, num_rows, size = self.cast_hidden.shape
        self.entering = self.cast_hidden.new_empty(num_states, num_rows, self._input_size + size)
        self._entering_hidden = self.entering[:, :, self._input_size :].unbind(0)
        self._hidden_steps = self.cast_hidden.unbind(0)
        self._entering_hidden[0].copy_(self._hidden_steps[0])
        self._recur = LinearStage([*input_weights, weight], bias, self.entering[: num_states - 1])

    def __call__(self, t: int) -> None:
        """`c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`, as `ops.lstm`."""
        before, after = ([states[t] for states in part] for part in (self._before, self._after))
        products = self._projected[t], self._recur(t)
        self._forward(*products, *before, self._live[t], self._gates[t], *after, self.cast_after[t])
        if self._entering_hidden:
            self._entering_hidden[t + 1].copy_(self._hidden_steps[t + 1])

    def begin_backward(self, d_last: Sequence[Tensor | None] = ()) -> None:
        """Prepare the backward pass; the gradient of the cell is read from one buffer and written to another."""
        super().begin_backward(d_last)
        self._spare = self._d_states[1].clone()  # rows without a step keep theirs in both buffers
        self._spare_view = self._on.view(self._spare)

    def backward(self, t: int, *d_hidden: ColumnSlice) -> Any:
        """The same gradient of the gates serves all products."""
        total = self._sum(d_hidden, self.steps.active(t, self._d_hidden_view))
        d_kept, d_cell = self._d_after
        cells = self._before[1][t], self._after[1][t]
        self._backward(
            self._gates[t], *cells, self._live[t], total, d_cell, self._d_gates[t], d_kept, self._spare_view
        )
        self._d_after, self._spare_view = [d_kept, self._spare_view], d_cell
        self._d_states[1], self._spare = self._spare, self._d_states[1]
        d_entering = self._recur.backward(t)
        self._d_from_next = d_entering, self._input_size
        return d_entering

    @property
    def d_entering(self) -> Tensor:
        """The gradient (R, X + H) that `backward` returned last."""
        return self._recur.d_input

    def start_gradients(self, *d_hidden: ColumnSlice) -> list[Tensor]:
        """Return the gradients of the first hidden state and the first cell."""
        self._sum(d_hidden, self._d_hidden_view)
        return [self.steps.to_batch(d) for d in (self._d_hidden.clone(), self._d_states[1])]

    def weight_gradients(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the gradients of `weight`, `bias` and `input_weights`."""
        (*d_inputs, d_weight), d_bias = self._recur.gradients()
        assert d_bias is not None
        return d_weight, d_bias, d_inputs

    def _gradient_buffer(self) -> Tensor:
        return self._recur.begin_backward()


class GRUStage(CellStage):
    """Gated recurrent unit; its reset gate keeps the products with input and hidden state apart."""

    num_states, num_gates, kernels = 1, 3, (gru_forward, gru_backward)

    def _prepare_products(
        self, projected: Tensor, input_weights: Sequence[Tensor], weight: Tensor, bias: Tensor
    ) -> None:
        self._recur = LinearStage([weight], bias, self.cast_hidden, self.steps)
        self._project: LinearStage | None = None
        block = self.steps.buffer(self._recur.width, self.cast_hidden)
        self._recurrent = self.steps.split(block, self._on)
        self._projected = self.steps.split(projected, self._on)
        if input_weights:
            width = sum(part.shape[1] for part in input_weights)
            self.entering = self.cast_hidden.new_empty(*self.cast_hidden.shape[:2], width)
            self._project = LinearStage(input_weights, None, self.entering[: len(projected)])

    def __call__(self, t: int) -> None:
        """`n = tanh(W x + r ⊙ U h)`, `h' = (1 − z) ⊙ n + z ⊙ h`, as `ops.gru`."""
        projected = self._projected[t] if self._project is None else self._project(t, plus=self._projected[t])
        products = projected, self._recur(t, self._recurrent[t])
        after = self._after[0][t], self.cast_after[t]
        self._forward(*products, self._before[0][t], self._live[t], self._gates[t], *after)

    def begin_backward(self, d_last: Sequence[Tensor | None] = ()) -> None:
        """Prepare the backward pass."""
        super().begin_backward(d_last)
        self._d_recurrent = self.steps.split(self._recur.d_outputs, self._on)
        if self._project is not None:
            self._project.begin_backward(self.d_projected)

    def backward(self, t: int, *d_hidden: ColumnSlice) -> Any:
        """Two gradients of the gates: for the product with the input, and for that with the hidden state."""
        total = self._sum(d_hidden, self.steps.active(t, self._d_hidden_view))
        saved = self._gates[t], self._recurrent[t], self._before[0][t], self._live[t]
        self._backward(*saved, total, self._d_gates[t], self._d_recurrent[t], self._d_after[0])
        d_state = self._recur.backward(t)
        self._d_from_next = d_state, 0
        return d_state if self._project is None else self._project.backward(t)

    @property
    def d_entering(self) -> Tensor:
        """The gradient (R, X) that `backward` returned last."""
        assert self._project is not None
        return self._project.d_input

    def start_gradients(self, *d_hidden: ColumnSlice) -> list[Tensor]:
        """Return the gradient of the first hidden state."""
        self._sum(d_hidden, self._d_hidden_view)
        return [self.steps.to_batch(self._d_hidden.clone())]

    def weight_gradients(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the gradients of `weight`, `bias` and `input_weights`."""
        (d_weight,), d_bias = self._recur.gradients()
        assert d_bias is not None
        return d_weight, d_bias, [] if self._project is None else self._project.gradients()[0]

    def _gradient_buffer(self) -> Tensor:
        self._recur.begin_backward()
        return self.steps.buffer(self._recur.width, self.cast_hidden)


CELL_STAGES: dict[str, type[CellStage]] = {"lstm": LSTMStage, "gru": GRUStage}


@kernel
def sum_gradients(kept, back, start, num_more, first, first_start, second, second_start, total):  # type: ignore[no-untyped-def]
    """Write `total = kept + back + first + second`, (R, H) each, of the last two only the first `num_more`.

    `back`, `first` and `second` lie in wider matrices, from their column `…start` on; `back` may have fewer rows.
    """
    for r in parallel_range(len(total)):
        out, size, a = total[r], total.shape[1], kept[r]
        if r < len(back):
            b = back[r, start : start + size]
            for j in range(size):
                out[j] = a[j] + to_float32(b[j])
        else:
            for j in range(size):
                out[j] = a[j]
        if num_more > 0:
            c = first[r, first_start : first_start + size]
            for j in range(size):
                out[j] += to_float32(c[j])
        if num_more > 1:
            d = second[r, second_start : second_start + size]
            for j in range(size):
                out[j] += to_float32(d[j])
