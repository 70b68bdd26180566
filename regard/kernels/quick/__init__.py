"""A decoder's step in a search, with the vocabulary: in one kernel for few rows, in few operations for many.

Step by step, a decoder's own form reads like the paper and starts some thirty operations; here nobody will ask for
gradients or meddle, and what was made of the weights is kept from one step to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.kernels import policy
from regard.kernels.few import FEW_ROWS
from regard.kernels.products import in_few_bits
from regard.kernels.quick.few import Few
from regard.kernels.quick.many import Many
from regard.kernels.quick.parts import Layer, Parts, Written

__all__ = ["Layer", "Parts", "Quick", "Written"]


class Quick:
    """Takes a decoder's steps; whoever calls it has asked whether it `fits`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def fits(self, tokens: Tensor, *states: Tensor) -> bool:
        """Whether a step of these rows can be taken so."""
        rows, low = len(tokens), torch.is_autocast_enabled("cpu")
        if not rows or torch.is_grad_enabled() or not policy.by_numba(self._parts.looking.keys, *states):
            return False
        if rows <= FEW_ROWS:
            return in_few_bits(rows) or not low
        return low or not in_few_bits(rows)  # for many rows in 8 bits there is nothing quicker

    def __call__(
        self,
        tokens: Int[Tensor, " R"],
        states: Sequence[Float[Tensor, "R H"]],
        fed: Float[Tensor, "R C"] | None,
    ) -> Written:
        """One piece further; `fed` is what was combined before, where that is fed."""
        return (self._few if len(tokens) <= FEW_ROWS else self._many)(tokens, states, fed)

    def greedily(
        self,
        tokens: Int[Tensor, " R"],
        states: Sequence[Float[Tensor, "R H"]],
        fed: Float[Tensor, "R C"] | None,
        limits: Sequence[int],
        banned: Sequence[int],
        end: int,
    ) -> list[tuple[list[int], list[float], Float[np.ndarray, "T S"]]] | None:
        """A whole greedy search of few rows, as `Few` says; None for many."""
        if len(tokens) > FEW_ROWS:
            return None
        return self._few.greedily(tokens, states, fed, limits, banned, end)

    @cached_property
    def _few(self) -> Few:
        return Few(self._parts)

    @cached_property
    def _many(self) -> Many:
        return Many(self._parts)
