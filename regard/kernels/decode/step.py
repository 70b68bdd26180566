"""A decoder's step in a search, with the vocabulary: in one kernel for few rows, in few operations for many.

Step by step, a decoder's own form reads like the paper and starts some thirty operations; here nobody will ask for
gradients or meddle, and what was made of the weights is kept from one step to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from regard.kernels import dispatch
from regard.kernels.decode.batched import Many
from regard.kernels.decode.inputs import Best, Layer, Parts, Rows, Written
from regard.kernels.decode.output import Pages, Run
from regard.kernels.decode.single import Few
from regard.kernels.gemm.int8 import in_few_bits
from regard.kernels.unroll.inference import FEW_ROWS

__all__ = ["Best", "Layer", "Parts", "Quick", "Rows", "Written"]


class Quick:
    """Takes a decoder's steps; whoever calls it has asked whether it `fits`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def fits(self, given: Rows) -> bool:
        """Whether a step of these rows can be taken so."""
        rows = len(given.tokens)
        if (
            not rows
            or torch.is_grad_enabled()
            or not dispatch.by_numba(self._parts.looking.keys, *given.states)
        ):
            return False
        if rows <= FEW_ROWS:
            return _few_pay()
        return _low() or not in_few_bits(rows)  # for many rows in 8 bits there is nothing quicker

    def __call__(self, rows: Rows) -> Written:
        """One token further."""
        return self._for(rows)(rows)

    def best(self, rows: Rows, number: int, banned: Sequence[int]) -> tuple[Best, Written]:
        """One token further, of which only the best are asked for: as `kernels.best`."""
        return self._for(rows).best(rows, number, banned)

    def greedily(self, rows: Rows, limits: Sequence[int], banned: Sequence[int], end: int) -> list[Run]:
        """A whole greedy search: always the best token not banned, until a row's limit or `end`."""
        pages = Pages(limits, self._parts.looking.valid.shape[1], end)
        least = FEW_ROWS if _few_pay() else 0
        rest = self._many.greedily(rows, pages, banned, least) if len(rows.tokens) > least else rows
        runs = pages.runs()
        if len(rest.tokens):
            more = self._few.greedily(rest, pages.left(), banned, end)
            for row, (ids, gains, looks) in zip(pages.rows, more, strict=True):
                before = runs[row]
                runs[row] = before[0] + ids, before[1] + gains, np.concatenate([before[2], looks])
        return runs

    def _for(self, rows: Rows) -> Few | Many:
        return self._few if len(rows.tokens) <= FEW_ROWS else self._many

    @cached_property
    def _few(self) -> Few:
        return Few(self._parts)

    @cached_property
    def _many(self) -> Many:
        return Many(self._parts)


def _low() -> bool:
    return torch.is_autocast_enabled("cpu")


def _few_pay() -> bool:
    """Whether few rows are multiplied as `Few` does it: in 8 bits, or in float32."""
    return in_few_bits(FEW_ROWS) or not _low()
