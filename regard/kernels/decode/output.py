"""What a greedy search has written, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from regard.kernels.compile import array, inner
from regard.kernels.decode.inputs import Rows

# tokens, log-probabilities, and the weights of each look
Run = tuple[list[int], list[float], Float[np.ndarray, "T S"]]


class Pages:
    """A page for every row that a search begins with, which holds as many tokens as it may write.

    `rows` are the pages of those that are still in the search.
    """

    def __init__(self, limits: Sequence[int], places: int, end: int) -> None:
        number, most = len(limits), max(limits)
        self.rows = np.arange(number)
        self._lengths, self._limits, self._end = np.zeros(number, np.int64), np.array(limits, np.int64), end
        self._ids = np.zeros((number, most), np.int64)
        self._gains, self._looks = (
            np.empty((number, most), np.float32),
            np.empty((number, most, places), np.float32),
        )

    @property
    def inside(self) -> tuple[NDArray[np.generic] | int, ...]:
        """What `note` takes after a step's results."""
        return self.rows, self._limits, self._end, self._ids, self._gains, self._looks, self._lengths

    def write(self, tokens: Tensor, gains: Tensor, weights: Tensor) -> Bool[np.ndarray, " R"]:
        """Write what a step chose for the rows of the search; which of them go on."""
        alive = np.empty(len(tokens), np.bool_)
        note(array(tokens), array(gains), array(weights), alive, *self.inside)
        return alive

    def select(self, rows: Rows, alive: Bool[np.ndarray, " R"]) -> Rows:
        """Let the others leave the search."""
        kept = torch.from_numpy(alive.nonzero()[0])
        self.rows = self.rows[alive]
        fed = None if rows.fed is None else rows.fed.index_select(0, kept)
        states = [state.index_select(0, kept) for state in rows.states]
        return Rows(rows.tokens[kept], states, fed, rows.sentences[kept])

    def left(self) -> list[int]:
        """How much each row of the search may still write."""
        left: list[int] = (self._limits - self._lengths)[self.rows].tolist()
        return left

    def runs(self) -> list[Run]:
        """All pages."""
        return [
            (ids[:length].tolist(), gains[:length].tolist(), looks[:length].copy())
            for ids, gains, looks, length in zip(
                self._ids, self._gains, self._looks, self._lengths, strict=True
            )
        ]


@inner
def note(tokens, gains, weights, alive, rows, limits, end, ids, all_gains, looks, lengths):  # type: ignore[no-untyped-def]
    """Write down what a step chose for rows that have not ended; which go on, and whether any does."""
    going = False
    for r in range(len(tokens)):
        row = rows[r]
        n = lengths[row]
        if n >= limits[row] or (n > 0 and ids[row, n - 1] == end):
            alive[r] = False
            continue
        ids[row, n], all_gains[row, n], lengths[row] = tokens[r], gains[r], n + 1
        look, out = weights[r], looks[row, n]
        for s in range(len(look)):
            out[s] = look[s]
        alive[r] = n + 1 < limits[row] and tokens[r] != end
        going = going or alive[r]
    return going
