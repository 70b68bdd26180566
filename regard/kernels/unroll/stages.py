"""Recurrent layers step by step, and what leads from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from regard.kernels.compile import kernel
from regard.kernels.dispatch import launcher
from regard.kernels.intrinsics import cast_like, to_float32
from regard.kernels.ops.gru import gru_backward, gru_forward
from regard.kernels.ops.lstm import lstm_backward, lstm_forward
from regard.kernels.threads import parallel_range
from regard.kernels.unroll.layout import PackedSteps, PaddedSteps
from regard.kernels.unroll.product import Product

Part = tuple[Any, int]  # columns of what a loop takes of a tensor (R, W), from a place on


class Cell:
    """A recurrent cell over steps of which `projected` (T, R, G) is what their inputs make of its gates.

    `steps` says otherwise if steps are not from the first on, or not all of as many rows. Of the `states`, the first
    is `hidden`, with the state before the first step (T + 1, R, H); `low` has it in the numbers of products, and
    `lows`, as loops take them, those after each step. `live` (T, R) is False where a row has ended and keeps its
    state. `take` gives a tensor as its loops take it.

    With a weight `below` (G, X), its product with what is written into the first X columns of `entering` (T + 1, R,
    X or more) before each step is added to `projected`; nobody reads the last of them.
    """

    parts: ClassVar[int]
    gates: ClassVar[int]
    loops: ClassVar[tuple[Any, Any]]  # forwards and back, over the numbers of a step
    entering: Tensor

    def __init__(
        self,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor,
        start: Sequence[Tensor],
        dtype: torch.dtype,
        live: Tensor | None = None,
        below: Tensor | None = None,
        steps: PaddedSteps | PackedSteps | None = None,
    ) -> None:
        self.steps = steps = steps or PaddedSteps(*projected.shape[:2])
        (rows, size), on = start[0].shape, launcher(start[0])
        self._on, self.take, (self._forth, self._back_over) = on, on.view, map(on.kernel, self.loops)
        self._add = on.kernel(add_parts)
        self.states = [steps.states(first) for first in start]
        self.hidden = self.states[0]
        # the same block in float32
        self.low = self.hidden if dtype == torch.float32 else steps.states(start[0].to(dtype))
        self.lows = steps.news(self.low, on)
        alive = torch.ones(rows, dtype=torch.bool, device=self.low.device)
        self._alive: Sequence[Any] = (
            [self.take(alive)] * len(steps.order) if live is None else on.view_steps(live.contiguous())
        )
        kept = on.gate_dtype if dtype == torch.bfloat16 else torch.float32
        self._acts = steps.cut(steps.room(self.gates * size, self.low, kept), on)
        self._olds, self._news = (
            [cut(states, on) for states in self.states] for cut in (steps.olds, steps.news)
        )
        self._enter(projected, below, weight, bias)

    def _enter(self, projected: Tensor, below: Tensor | None, weight: Tensor, bias: Tensor) -> None:
        """Make the products of a step."""
        raise TypeError(f"{type(self).__name__} promises products but has none")

    def __call__(self, t: int) -> None:
        """Take a step: fills `hidden` and `low`."""
        raise TypeError(f"{type(self).__name__} promises a step but does not take one")

    def begin_back(self, d_last: Sequence[Tensor | None]) -> None:
        """Get ready to go back, from the gradients of the last state."""
        shape = self.steps.rows, self.hidden.shape[-1]
        self.d_projected = self._room()  # (T, R, G)
        self._d_gates = self.steps.cut(self.d_projected, self._on)
        self._last = [  # written over by the steps, and the caller's may be wanted elsewhere
            self.hidden.new_zeros(shape) if d is None else self.steps.arranged(d) for d in d_last
        ]
        self._from_after = [self.take(d) for d in self._last]
        self._d_hidden = self.hidden.new_empty(shape)
        self._total, self._back = self.take(self._d_hidden), (self.take(self.low.new_zeros(shape)), 0)

    def back(self, t: int, *d_hidden: Part) -> Any:
        """From the gradient of a step's hidden state, in two parts at most to be added, to that of `projected`.

        Gives, in its first columns, that of what was written into `entering`; the next step writes over it.
        """
        raise TypeError(f"{type(self).__name__} promises to go back but does not")

    @property
    def d_entering(self) -> Tensor:
        """What `back` gives, as a tensor."""
        raise TypeError(f"{type(self).__name__} promises to go back but does not")

    def end_back(self, *d_hidden: Part) -> list[Tensor]:
        """The gradients of the states before the first step."""
        raise TypeError(f"{type(self).__name__} promises to go back but does not")

    def gradients(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Of weight, bias, and the weight for what is below."""
        raise TypeError(f"{type(self).__name__} promises gradients but has none")

    def _room(self) -> Tensor:
        raise TypeError(f"{type(self).__name__} has no room")

    def _wanted(self, d_hidden: Sequence[Part], total: Any) -> Any:
        """All that is wanted of a hidden state: by rows that keep it, by the product of the next step, by others."""
        one, other = (*d_hidden, self._back, self._back)[:2]
        self._add(self._from_after[0], *self._back, len(d_hidden), *one, *other, total)
        return total


class LSTM(Cell):
    """Two parts, hidden state and cell; what is below and the hidden state are multiplied side by side."""

    parts, gates, loops = 2, 4, (lstm_forward, lstm_backward)

    def _enter(self, projected: Tensor, below: Tensor | None, weight: Tensor, bias: Tensor) -> None:
        self._projected = self.steps.cut(projected, self._on)
        self._width = 0 if below is None else below.shape[1]
        self._own: Sequence[Tensor] = ()
        if below is None:
            self.recur = Product([weight], bias, self.low, self.steps)
            return
        steps, rows, size = self.low.shape
        self.entering = self.low.new_empty(steps, rows, self._width + size)
        self._own, self._read = self.entering[:, :, self._width :].unbind(0), self.low.unbind(0)
        self._own[0].copy_(self._read[0])
        self.recur = Product([below, weight], bias, self.entering[: steps - 1])

    def __call__(self, t: int) -> None:
        """As `cells.lstm`."""
        given = self._projected[t], self.recur(t), *(old[t] for old in self._olds), self._alive[t]
        self._forth(*given, self._acts[t], *(new[t] for new in self._news), self.lows[t])
        if self._own:
            self._own[t + 1].copy_(self._read[t + 1])

    def begin_back(self, d_last: Sequence[Tensor | None]) -> None:
        """As of every cell; the gradient of the cell's inner state is read from one tensor and written to another."""
        super().begin_back(d_last)
        self._other = self._last[1].clone()
        self._spare = self.take(self._other)

    def back(self, t: int, *d_hidden: Part) -> Any:
        """One gradient for all products."""
        total = self._wanted(d_hidden, self.steps.first_rows(t, self._total))
        (kept, d_cell), cells = self._from_after, (self._olds[1][t], self._news[1][t])
        given = self._acts[t], *cells, self._alive[t], total, d_cell
        self._back_over(*given, self._d_gates[t], kept, self._spare)
        self._from_after, self._spare = [kept, self._spare], d_cell
        self._last[1], self._other = self._other, self._last[1]
        d_entering = self.recur.back(t)
        self._back = d_entering, self._width
        return d_entering

    @property
    def d_entering(self) -> Tensor:
        """Where `back` leaves it."""
        return self.recur.d_input

    def end_back(self, *d_hidden: Part) -> list[Tensor]:
        """Of hidden state and cell."""
        self._wanted(d_hidden, self._total)
        return [self.steps.as_given(d) for d in (self._d_hidden.clone(), self._last[1])]

    def gradients(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """As of every cell."""
        weights, bias = self.recur.gradients()
        assert bias is not None
        return weights[-1], bias, weights[0] if self._own else None

    def _room(self) -> Tensor:
        return self.recur.room()


class GRU(Cell):
    """One part; the reset gate keeps the gradients of its two products apart."""

    parts, gates, loops = 1, 3, (gru_forward, gru_backward)

    def _enter(self, projected: Tensor, below: Tensor | None, weight: Tensor, bias: Tensor) -> None:
        self.recur, self._rise = Product([weight], bias, self.low, self.steps), None
        block = self.steps.room(self.recur.layouts.width, self.low)
        self._products = self.steps.cut(block, self._on)
        if below is None:
            self._projected = self.steps.cut(projected, self._on)
        else:
            self._given = self._on.view_steps(projected)
            self.entering = self.low.new_empty(*self.low.shape[:2], below.shape[1])
            self._rise = Product([below], None, self.entering[: len(projected)])

    def __call__(self, t: int) -> None:
        """As `cells.gru`."""
        projected = self._projected[t] if self._rise is None else self._rise(t, plus=self._given[t])
        given = projected, self.recur(t, self._products[t]), self._olds[0][t], self._alive[t]
        self._forth(*given, self._acts[t], self._news[0][t], self.lows[t])

    def begin_back(self, d_last: Sequence[Tensor | None]) -> None:
        """As of every cell."""
        super().begin_back(d_last)
        self._d_recurrent = self.steps.cut(self.recur.grads, self._on)
        if self._rise is not None:
            self._rise.want(self.d_projected)

    def back(self, t: int, *d_hidden: Part) -> Any:
        """The gradient of `projected`."""
        total = self._wanted(d_hidden, self.steps.first_rows(t, self._total))
        given = self._acts[t], self._products[t], self._olds[0][t], self._alive[t], total
        self._back_over(*given, self._d_gates[t], self._d_recurrent[t], self._from_after[0])
        d_state = self.recur.back(t)
        self._back = d_state, 0
        return d_state if self._rise is None else self._rise.back(t)

    @property
    def d_entering(self) -> Tensor:
        """Where `back` leaves it."""
        assert self._rise is not None
        return self._rise.d_input

    def end_back(self, *d_hidden: Part) -> list[Tensor]:
        """Of the hidden state."""
        self._wanted(d_hidden, self._total)
        return [self.steps.as_given(self._d_hidden.clone())]

    def gradients(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """As of every cell."""
        (weight,), bias = self.recur.gradients()
        assert bias is not None
        return weight, bias, None if self._rise is None else self._rise.gradients()[0][0]

    def _room(self) -> Tensor:
        self.recur.room()
        return self.steps.room(self.recur.layouts.width, self.low)


CELLS: dict[str, type[Cell]] = {"lstm": LSTM, "gru": GRU}


class LayerInput:
    """From a layer to the one above: the lower's hidden state enters the upper, through a mask if there is one."""

    def __init__(self, lower: Cell, upper: Cell, mask: Tensor | None) -> None:
        on, size = launcher(upper.entering), lower.low.shape[-1]
        self._masked = on.kernel(masked)
        self._lower, self._mask = lower, None if mask is None else on.view_steps(mask)
        if mask is None:
            self._read = lower.low[1:].unbind(0)
            self._entering: Sequence[Any] = upper.entering[:, :, :size].unbind(0)
        else:
            self._entering = on.view_steps(upper.entering)
            self._d_below = on.view(torch.empty_like(lower.low[0]))

    def __call__(self, t: int) -> None:
        """After the step of the lower layer, before that of the upper one."""
        if self._mask is None:
            self._entering[t].copy_(self._read[t])
        else:
            self._masked(self._lower.lows[t], self._mask[t], self._entering[t])

    def back(self, t: int, d_entering: Any) -> Part:
        """What is wanted of the lower's hidden state, from the gradient of what entered the upper layer."""
        if self._mask is None:
            return d_entering, 0
        self._masked(d_entering, self._mask[t], self._d_below)
        return self._d_below, 0


@kernel
def masked(given, mask, made):  # type: ignore[no-untyped-def]
    """The product with a mask, in as many first columns as that has."""
    for r in parallel_range(len(mask)):
        one, m, out = given[r], mask[r], made[r]
        for j in range(len(m)):
            out[j] = cast_like(out, to_float32(one[j]) * to_float32(m[j]))


@kernel
def add_parts(kept, back, start, more, one, first, other, second, total):  # type: ignore[no-untyped-def]
    """The sum of what is always there, of `back`, which may have fewer rows, and of the first `more` (at most two) of
    the others' columns.
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
        if more > 0:
            c = one[r, first : first + size]
            for j in range(size):
                out[j] += to_float32(c[j])
        if more > 1:
            d = other[r, second : second + size]
            for j in range(size):
                out[j] += to_float32(d[j])
