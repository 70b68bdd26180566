"""Where the rows of all steps lie in a block: equally many rows at every step, or fewer and fewer.

A block of states begins with the states before the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from regard.kernels.dispatch import Launcher
from regard.kernels.unroll.packing import Packing


class PaddedSteps:
    """All R rows at every step, in blocks (T, R, width); from the last step to the first if `reverse`."""

    def __init__(self, num_steps: int, num_rows: int, reverse: bool = False) -> None:
        self.num_rows, self.order = num_rows, range(num_steps)[:: -1 if reverse else 1]
        self._first = num_steps * reverse
        self._before = slice(reverse, num_steps + reverse)
        self._after = slice(1 - reverse, num_steps + 1 - reverse)

    def buffer(self, width: int, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return an uninitialised block (T, R, width)."""
        return like.new_empty(len(self.order), self.num_rows, width, dtype=dtype)

    def state_buffer(self, first: Tensor) -> Tensor:
        """Return a block (T + 1, R, H) for states, of which only the first (R, H) is written."""
        block = first.new_empty(len(self.order) + 1, *first.shape)
        block[self._first] = first
        return block

    def split(self, block: Tensor, on: Launcher) -> Sequence[Any]:
        """Split a block into the rows of each step, as kernels take them."""
        return on.view_steps(block)

    def split_before(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """Return the states before each step, as kernels take them."""
        return on.view_steps(states)[self._before]

    def split_after(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """Return the states after each step, as kernels take them."""
        return on.view_steps(states)[self._after]

    def before(self, states: Tensor) -> Tensor:
        """Return the states before all steps as one matrix (T · R, H)."""
        return states[self._before].flatten(0, 1)

    def after(self, states: Tensor) -> Tensor:
        """Return the states after all steps as a block (T, R, H)."""
        return states[self._after]

    def last(self, states: Tensor) -> Tensor:
        """Return the state (R, H) after the last step of every row."""
        return states[len(self.order) - self._first].clone()

    def active(self, t: int, rows: Any) -> Any:
        """Select from (R, width) the rows that take step t."""
        return rows

    def from_batch(self, rows: Tensor) -> Tensor:
        """Copy rows (R, width) from the batch's order into the order of the steps."""
        return rows.clone(memory_format=torch.contiguous_format)

    def to_batch(self, rows: Tensor) -> Tensor:
        """Put rows (R, width) back into the batch's order."""
        return rows


class PackedSteps:
    """At each step only the rows that have not ended, as a batch was packed: blocks (N, width)."""

    def __init__(self, packing: Packing) -> None:
        self.num_rows, self.order = len(packing.order), range(len(packing.counts))
        self._packing = packing
        starts_of_states = [0, *(self.num_rows + start for start in packing.starts)]
        self._slices, self._before, self._after = (
            [slice(start, start + count) for start, count in zip(starts, packing.counts, strict=False)]
            for starts in (packing.starts, starts_of_states, starts_of_states[1:])
        )

    def buffer(self, width: int, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return an uninitialised block (N, width), except that the rows that round up N are 0."""
        block = like.new_empty(self._packing.size, width, dtype=dtype)
        block[sum(self._packing.counts) :] = 0
        return block

    def state_buffer(self, first: Tensor) -> Tensor:
        """Return a block (R + N, H) for states, of which only the first (R, H) are written."""
        block = first.new_empty(self.num_rows + self._packing.size, first.shape[1])
        torch.index_select(first, 0, self._packing.order, out=block[: self.num_rows])
        return block

    def split(self, block: Tensor, on: Launcher) -> Sequence[Any]:
        """Split a block into the rows of each step, as kernels take them."""
        return _slices(on.view(block), self._slices)

    def split_before(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """Return the states before each step, as kernels take them."""
        return _slices(on.view(states), self._before)

    def split_after(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """Return the states after each step, as kernels take them."""
        return _slices(on.view(states), self._after)

    def before(self, states: Tensor) -> Tensor:
        """Return the states before all steps as one matrix (N, H)."""
        return states.index_select(0, self._packing.before)

    def after(self, states: Tensor) -> Tensor:
        """Return the states after all steps as a block (N, H)."""
        return states[self.num_rows :]

    def last(self, states: Tensor) -> Tensor:
        """Return the state (R, H) after the last step of every row."""
        return states.index_select(0, self._packing.last)

    def active(self, t: int, rows: Any) -> Any:
        """Select from (R, width) the rows that take step t."""
        return rows[: self._packing.counts[t]]

    def from_batch(self, rows: Tensor) -> Tensor:
        """Copy rows (R, width) from the batch's order into the order of the steps."""
        return rows.index_select(0, self._packing.order)

    def to_batch(self, rows: Tensor) -> Tensor:
        """Put rows (R, width) back into the batch's order."""
        return rows.index_select(0, self._packing.rank)


Steps = PaddedSteps | PackedSteps


def _slices(block: Any, slices: Sequence[slice]) -> list[Any]:
    return [block[each] for each in slices]
