"""A batch without its padding: its real places in one row after another.

As torch's PackedSequence lays them out: sentences by falling length, step by step, so that the sentences of a step
are the first of those of the step before. Whoever reads from the end begins at the last place of each sentence, so
both directions are the same loop, in which sentences only end.
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

NOWHERE = -1


@dataclass(frozen=True)
class Packing:
    """Which rows stand where: `counts[t]` of R sentences have a step t, and their rows begin at `starts[t]`.

    `width` is S; `order` has the sentences by falling length, and `rank` the place of each in it. A block has `size`
    rows, a few more than there are places: those are 0 and count for nothing. `places` are those of the batch (B · S)
    that rows are taken from, forwards and from the end, and `rows` the way back, NOWHERE at padding. In a block of
    states that begins with R first states, `before` tells where the one before each row's step stands, `last` the
    last one of every sentence.
    """

    counts: Sequence[int]
    starts: Sequence[int]
    width: int
    order: Tensor
    rank: Tensor
    size: int
    places: tuple[Tensor, Tensor]
    rows: tuple[Tensor, Tensor]
    before: Tensor
    last: Tensor

    def pack(self, batch: Float[Tensor, "B S W"], reverse: bool, dtype: torch.dtype) -> Float[Tensor, "N W"]:
        """The rows, in this type; from each sentence's end if `reverse`."""
        places, rows = self.places[reverse], self.rows[reverse]
        return _Taken.apply(batch.reshape(-1, batch.shape[-1]), places, rows, dtype)  # type: ignore[no-any-return]

    def unpack(self, packed: Float[Tensor, "N W"], reverse: bool) -> Float[Tensor, "B S W"]:
        """The batch again, 0 at padding."""
        places, rows = self.places[reverse], self.rows[reverse]
        made: Tensor = _Taken.apply(packed, rows, places, packed.dtype)
        return made.view(len(self.order), self.width, packed.shape[-1])


def packing(valid: Bool[Tensor, "B S"], given: Tensor) -> Packing | None:
    """How a batch is packed whose real places are `valid`; None if what is `given` had better stay as it is.

    That is so where the plain form runs, where nobody will go back, and on a GPU, which must not be waited for.
    """
    if not torch.is_grad_enabled() or not dispatch.by_numba(given):
        return None
    real = valid.numpy()
    sentences, width = real.shape
    lengths = real.sum(axis=1)
    order = np.argsort(-lengths, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(sentences)
    counts = sentences - np.cumsum(np.bincount(lengths))[:-1]
    number = int(lengths.sum())
    size = round_up(number)
    starts = np.cumsum(counts) - counts

    sentence, place = np.nonzero(real)
    step = np.arange(number) - np.repeat(
        np.cumsum(lengths) - lengths, lengths
    )  # of each place in its sentence
    from_end = lengths[sentence] - 1 - step
    forth, back = (
        _ways(starts[t] + rank[sentence], sentence * width + place, size, real.size) for t in (step, from_end)
    )

    begins = np.concatenate([[0], sentences + starts])  # of the states before each step, and after the last
    before = np.zeros(size, np.int64)
    before[:number] = np.arange(number) + np.repeat(begins[:-1] - starts, counts)
    last = begins[lengths] + rank
    return Packing(
        counts=counts.tolist(),
        starts=starts.tolist(),
        width=width,
        order=torch.from_numpy(order),
        rank=torch.from_numpy(rank),
        size=size,
        places=(forth[0], back[0]),
        rows=(forth[1], back[1]),
        before=torch.from_numpy(before),
        last=torch.from_numpy(last),
    )


def remove_padding(batch: Float[Tensor, "B T W"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "N W"]:
    """What stands at the real places, sentence by sentence."""
    if not dispatch.by_numba(batch):
        return batch[valid]
    places = np.flatnonzero(valid.numpy())
    ways = _ways(np.arange(len(places)), places, len(places), valid.numel())
    return _Taken.apply(batch.reshape(-1, batch.shape[-1]), *ways, batch.dtype)  # type: ignore[no-any-return]


def _ways(
    rows: NDArray[np.int64], places: NDArray[np.int64], num_rows: int, num_places: int
) -> tuple[Tensor, Tensor]:
    """From each of all rows to its place, and back."""
    there, back = np.full(num_rows, NOWHERE), np.full(num_places, NOWHERE)
    there[rows], back[places] = places, rows
    return torch.from_numpy(there), torch.from_numpy(back)


class _Taken(torch.autograd.Function):
    """Rows from elsewhere, in another type; going back, to where they were taken from, each from one at most."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, places: Tensor, rows: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.ways, ctx.dtype = (rows, places), given.dtype
        made = torch.empty(len(places), given.shape[1], dtype=dtype)
        _take(array(given.contiguous()), array(places), array(made))
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _Taken.apply(grad, *ctx.ways, ctx.dtype), None, None, None


@kernel
def _take(given, places, made):  # type: ignore[no-untyped-def]
    for r in parallel_range(len(places)):
        out = made[r]
        if places[r] < 0:
            for j in range(len(out)):
                out[j] = cast_like(out, f32(0))
        else:
            row = given[places[r]]
            for j in range(len(out)):
                out[j] = cast_like(out, to_float32(row[j]))
