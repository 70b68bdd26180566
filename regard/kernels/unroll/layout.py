"""How the rows of all steps stand in blocks: as many at every step, or fewer and fewer.

A block of states holds that before the first step too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.kernels.dispatch import Launcher
from regard.kernels.unroll.packing import Packing


class PaddedSteps:
    """All rows at every step, blocks (T, R, width); from the last step to the first if `reverse`."""

    def __init__(self, steps: int, rows: int, reverse: bool = False) -> None:
        self.rows, self.order = rows, range(steps)[:: -1 if reverse else 1]
        self._begin = steps * reverse
        self._before, self._after = slice(reverse, steps + reverse), slice(1 - reverse, steps + 1 - reverse)

    def room(self, width: int, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """A block, to be written."""
        return like.new_empty(len(self.order), self.rows, width, dtype=dtype)

    def states(self, first: Tensor) -> Tensor:
        """A block for the states, with the first (R, H)."""
        block = first.new_empty(len(self.order) + 1, *first.shape)
        block[self._begin] = first
        return block

    def cut(self, block: Tensor, on: Launcher) -> Sequence[Any]:
        """Each step's rows, as loops take them."""
        return on.view_steps(block)

    def olds(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """The states before each step."""
        return on.view_steps(states)[self._before]

    def news(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """The states after each step."""
        return on.view_steps(states)[self._after]

    def per_step(self, block: Tensor) -> Sequence[Tensor]:
        """Each step's rows."""
        return block.unbind(0)

    def before(self, states: Tensor) -> Tensor:
        """The states before all steps (N, H)."""
        return states[self._before].flatten(0, 1)

    def after(self, states: Tensor) -> Tensor:
        """The states after all steps, as a block."""
        return states[self._after]

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """A block of each step's rows."""
        return torch.stack(list(outputs))

    def last(self, states: Tensor) -> Tensor:
        """The state in which every row ends (R, H)."""
        return states[len(self.order) - self._begin].clone()

    def first_rows(self, t: int, rows: Any) -> Any:
        """Of these (R, width), those that have a step t."""
        return rows

    def arranged(self, rows: Tensor) -> Tensor:
        """A copy of rows (R, width) in the order in which steps have them."""
        return rows.clone(memory_format=torch.contiguous_format)

    def as_given(self, rows: Tensor) -> Tensor:
        """The way back."""
        return rows


class PackedSteps:
    """At each step the rows that have not ended, as a batch was packed: blocks (N, width)."""

    def __init__(self, packing: Packing) -> None:
        self.rows, self.order = len(packing.order), range(len(packing.counts))
        self._packing = packing
        begins = [0, *(self.rows + start for start in packing.starts)]  # of states
        self._cuts, self._olds, self._news = (
            [slice(begin, begin + count) for begin, count in zip(first, packing.counts, strict=False)]
            for first in (packing.starts, begins, begins[1:])
        )

    def room(self, width: int, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """A block, to be written; 0 where the batch has nothing."""
        block = like.new_empty(self._packing.size, width, dtype=dtype)
        block[sum(self._packing.counts) :] = 0
        return block

    def states(self, first: Tensor) -> Tensor:
        """A block for the states, with the first (R, H)."""
        block = first.new_empty(self.rows + self._packing.size, first.shape[1])
        torch.index_select(first, 0, self._packing.order, out=block[: self.rows])
        return block

    def cut(self, block: Tensor, on: Launcher) -> Sequence[Any]:
        """Each step's rows, as loops take them."""
        return _cut(on.view(block), self._cuts)

    def olds(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """The states before each step."""
        return _cut(on.view(states), self._olds)

    def news(self, states: Tensor, on: Launcher) -> Sequence[Any]:
        """The states after each step."""
        return _cut(on.view(states), self._news)

    def per_step(self, block: Tensor) -> Sequence[Tensor]:
        """Each step's rows."""
        return _cut(block, self._cuts)

    def before(self, states: Tensor) -> Tensor:
        """The states before all steps (N, H)."""
        return states.index_select(0, self._packing.before)

    def after(self, states: Tensor) -> Tensor:
        """The states after all steps, as a block."""
        return states[self.rows :]

    def joined(self, outputs: Sequence[Tensor]) -> Tensor:
        """A block of each step's rows."""
        rows = torch.cat(list(outputs))
        return F.pad(rows, (0, 0, 0, self._packing.size - len(rows)))

    def last(self, states: Tensor) -> Tensor:
        """The state in which every row ends (R, H)."""
        return states.index_select(0, self._packing.last)

    def first_rows(self, t: int, rows: Any) -> Any:
        """Of these (R, width), those that have a step t."""
        return rows[: self._packing.counts[t]]

    def arranged(self, rows: Tensor) -> Tensor:
        """A copy of rows (R, width) in the order in which steps have them."""
        return rows.index_select(0, self._packing.order)

    def as_given(self, rows: Tensor) -> Tensor:
        """The way back."""
        return rows.index_select(0, self._packing.rank)


def _cut(block: Any, slices: Iterable[slice]) -> list[Any]:
    return [block[each] for each in slices]
