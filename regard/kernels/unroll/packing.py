"""Batches without their padding: one row for each real position.

Rows are laid out as in torch's PackedSequence: sentences by falling length, step by step, so that the sentences of a
step are the first of those of the step before. A cell that runs backwards begins at the last position of each
sentence, so both directions are the same loop, in which sentences only end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from regard.kernels import dispatch
from regard.kernels.compile import array, f32, kernel
from regard.kernels.gemm.packed import round_up
from regard.kernels.intrinsics import cast_like, to_float32
from regard.kernels.threads import parallel_range

MISSING = -1


@dataclass(frozen=True)
class Packing:
    """Where the rows of a packed batch lie.

    `counts[t]` of B sentences have a step t, and their rows begin at `starts[t]`. `width` is S. `order` lists the
    sentences by falling length, `rank` the index of each in it. A block has `size` rows, N rounded up; the extra rows
    are 0. `positions` are the indices in the batch (B · S) of all rows, for a forward and a backward cell, and `rows`
    the inverse; both are MISSING where there is none. In a block of states that begins with the B first states,
    `before` is the index of the state before each row's step, and `last` that of the last state of each sentence.
    """

    counts: Sequence[int]
    starts: Sequence[int]
    width: int
    order: Tensor
    rank: Tensor
    size: int
    positions: tuple[Tensor, Tensor]
    rows: tuple[Tensor, Tensor]
    before: Tensor
    last: Tensor

    def pack(self, batch: Float[Tensor, "B S W"], reverse: bool, dtype: torch.dtype) -> Float[Tensor, "N W"]:
        """Return the rows in this dtype, each sentence from its end if `reverse`."""
        positions, rows = self.positions[reverse], self.rows[reverse]
        return _Gather.apply(batch.reshape(-1, batch.shape[-1]), positions, rows, dtype)  # type: ignore[no-any-return]

    def unpack(self, packed: Float[Tensor, "N W"], reverse: bool) -> Float[Tensor, "B S W"]:
        """Undo `pack`; padding is 0."""
        positions, rows = self.positions[reverse], self.rows[reverse]
        batch: Tensor = _Gather.apply(packed, rows, positions, packed.dtype)
        return batch.view(len(self.order), self.width, packed.shape[-1])


def packing(valid: Bool[Tensor, "B S"], inputs: Tensor) -> Packing | None:
    """Return how to pack a batch whose real positions are `valid`; None if `inputs` had better stay padded.

    That is the case for the plain form, without gradients, and on a GPU, where `valid` could not be read without
    waiting for it.
    """
    if not torch.is_grad_enabled() or not dispatch.by_numba(inputs):
        return None
    real = valid.numpy()
    num_sentences, width = real.shape
    lengths = real.sum(axis=1)
    order = np.argsort(-lengths, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(num_sentences)
    counts = num_sentences - np.cumsum(np.bincount(lengths))[:-1]
    num_positions = int(lengths.sum())
    size = round_up(num_positions)
    starts = np.cumsum(counts) - counts

    sentence, position = np.nonzero(real)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    step = np.arange(num_positions) - first  # of each position in its sentence
    step_from_end = lengths[sentence] - 1 - step
    flat = sentence * width + position
    forward, backward = (
        _inverses(starts[t] + rank[sentence], flat, size, real.size) for t in (step, step_from_end)
    )

    first_states = np.concatenate([[0], num_sentences + starts])  # of each step, and after the last
    before = np.zeros(size, np.int64)
    before[:num_positions] = np.arange(num_positions) + np.repeat(first_states[:-1] - starts, counts)
    last = first_states[lengths] + rank
    return Packing(
        counts=counts.tolist(),
        starts=starts.tolist(),
        width=width,
        order=torch.from_numpy(order),
        rank=torch.from_numpy(rank),
        size=size,
        positions=(forward[0], backward[0]),
        rows=(forward[1], backward[1]),
        before=torch.from_numpy(before),
        last=torch.from_numpy(last),
    )


def remove_padding(batch: Float[Tensor, "B T W"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "N W"]:
    """Return the rows at the real positions, sentence by sentence."""
    if not dispatch.by_numba(batch):
        return batch[valid]
    positions = np.flatnonzero(valid.numpy())
    inverses = _inverses(np.arange(len(positions)), positions, len(positions), valid.numel())
    return _Gather.apply(batch.reshape(-1, batch.shape[-1]), *inverses, batch.dtype)  # type: ignore[no-any-return]


def _inverses(
    rows: NDArray[np.int64], positions: NDArray[np.int64], num_rows: int, num_positions: int
) -> tuple[Tensor, Tensor]:
    """Return the position of each of all rows, and the row of each of all positions; MISSING where there is none."""
    position_of, row_of = np.full(num_rows, MISSING), np.full(num_positions, MISSING)
    position_of[rows], row_of[positions] = positions, rows
    return torch.from_numpy(position_of), torch.from_numpy(row_of)


class _Gather(torch.autograd.Function):
    """Gather rows by index, in another dtype; `inverse` is where each input row goes, to one output row at most."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, indices: Tensor, inverse: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.indices, ctx.dtype = (inverse, indices), input.dtype
        output = torch.empty(len(indices), input.shape[1], dtype=dtype)
        _gather(array(input.contiguous()), array(indices), array(output))
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _Gather.apply(grad, *ctx.indices, ctx.dtype), None, None, None


@kernel
def _gather(input, indices, output):  # type: ignore[no-untyped-def]
    """Write `output[r] = input[indices[r]]`, or 0 where the index is MISSING; (N, W) each."""
    for r in parallel_range(len(indices)):
        out = output[r]
        if indices[r] < 0:
            for j in range(len(out)):
                out[j] = cast_like(out, f32(0))
        else:
            row = input[indices[r]]
            for j in range(len(out)):
                out[j] = cast_like(out, to_float32(row[j]))
