"""The output of a greedy search so far, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from regard.kernels.compile import array, kernel
from regard.kernels.decode.inputs import StepInput
from regard.kernels.threads import parallel_range

# tokens, log-probabilities, and the attention weights of each step
DecodedRow = tuple[list[int], list[float], Float[np.ndarray, "T S"]]


class OutputBuffer:
    """Tokens, log-probabilities and attention weights of every row that a search begins with, up to its limit.

    `rows` are the indices of the rows that are still in the search.
    """

    def __init__(self, limits: Sequence[int], positions: int, end: int) -> None:
        num_rows, longest = len(limits), max(limits)
        self.rows = np.arange(num_rows)
        self._lengths, self._limits = np.zeros(num_rows, np.int64), np.array(limits, np.int64)
        self._end = end
        self._ids = np.zeros((num_rows, longest), np.int64)
        self._log_probabilities = np.empty((num_rows, longest), np.float32)
        self._weights = np.empty((num_rows, longest, positions), np.float32)

    @property
    def arrays(self) -> tuple[NDArray[np.generic] | int, ...]:
        """The last arguments of the kernel `append`, after the results of a step."""
        return (
            self.rows,
            self._limits,
            self._end,
            self._ids,
            self._log_probabilities,
            self._weights,
            self._lengths,
        )

    def append(self, tokens: Tensor, log_probabilities: Tensor, weights: Tensor) -> Bool[np.ndarray, " R"]:
        """Append the tokens that a step chose to the rows of the search; return which of them go on."""
        alive = np.empty(len(tokens), np.bool_)
        append(array(tokens), array(log_probabilities), array(weights), alive, *self.arrays)
        return alive

    def select(self, rows: StepInput, alive: Bool[np.ndarray, " R"]) -> StepInput:
        """Keep only the rows that are alive in the search."""
        indices = torch.from_numpy(alive.nonzero()[0])
        self.rows = self.rows[alive]
        fed = None if rows.fed is None else rows.fed.index_select(0, indices)
        states = [state.index_select(0, indices) for state in rows.states]
        return StepInput(rows.tokens[indices], states, fed, rows.sentences[indices])

    def remaining(self) -> list[int]:
        """Return how many tokens may still be appended to each row of the search."""
        remaining: list[int] = (self._limits - self._lengths)[self.rows].tolist()
        return remaining

    def decoded(self) -> list[DecodedRow]:
        """Return the output of every row that the search began with."""
        return [
            (ids[:length].tolist(), log_probabilities[:length].tolist(), weights[:length].copy())
            for ids, log_probabilities, weights, length in zip(
                self._ids, self._log_probabilities, self._weights, self._lengths, strict=True
            )
        ]


@kernel
def append(  # type: ignore[no-untyped-def]
    tokens,
    log_probabilities,
    weights,
    alive,
    rows,
    limits,
    end,
    ids,
    all_log_probabilities,
    all_weights,
    lengths,
):
    """Append tokens (R,), log_probabilities (R,) and attention weights (R, S) of a step to rows that have not ended.

    `rows` (R,) are the indices in the output of N rows: ids, all_log_probabilities (N, T), all_weights (N, T, S),
    lengths and limits (N,). `alive` (R,) becomes True where a row goes on.
    """
    for r in parallel_range(len(tokens)):
        row = rows[r]
        n = lengths[row]
        if n >= limits[row] or (n > 0 and ids[row, n - 1] == end):
            alive[r] = False
            continue
        ids[row, n], all_log_probabilities[row, n], lengths[row] = tokens[r], log_probabilities[r], n + 1
        for s in range(weights.shape[1]):
            all_weights[row, n, s] = weights[r, s]
        alive[r] = n + 1 < limits[row] and tokens[r] != end
