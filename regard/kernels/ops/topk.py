"""What a search does over the whole vocabulary at every step: log-probabilities, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.compile import array, f32, inner, kernel
from regard.kernels.intrinsics import exp, maximum, to_float32
from regard.kernels.threads import parallel_range

BLOCK = 64  # log-probabilities of which first the largest is looked at


def log_softmax(logits: Float[Tensor, "... V"]) -> Float[Tensor, "... V"]:
    """Log-probabilities in nats; float32 at least."""
    if torch.is_grad_enabled() or not dispatch.by_numba(logits):
        return F.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    made = torch.empty(logits.shape)
    size = logits.shape[-1]
    log_softmax_kernel(array(logits.reshape(-1, size)), array(made.view(-1, size)))
    return made


def top(
    log_probabilities: Float[Tensor, "R V"], number: int, banned: Sequence[int] = ()
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """The best of each row, best first, and their places; banned places are left out.

    Where fewer than `number` are above minus infinity, that fills up the row.
    """
    fits = number <= log_probabilities.shape[-1] and log_probabilities.dtype == torch.float32
    if not fits or not dispatch.by_numba(log_probabilities):
        return _top_plain(log_probabilities, number, banned)
    gains, places = _room(len(log_probabilities), number)
    top_kernel(array(log_probabilities.contiguous()), _sorted(tuple(banned)), array(gains), array(places))
    return gains, places


def _room(rows: int, number: int) -> tuple[Tensor, Tensor]:
    return torch.empty(rows, number), torch.empty(rows, number, dtype=torch.long)


@cache
def _sorted(banned: tuple[int, ...]) -> NDArray[np.int64]:
    return np.array(sorted(banned), dtype=np.int64)


def best(
    logits: Float[Tensor, "R V"], number: int, banned: Sequence[int] = ()
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """As `top` of `log_softmax`, whose other numbers are never written: `banned` places count in the sum."""
    if torch.is_grad_enabled() or number > logits.shape[-1] or not dispatch.by_numba(logits):
        return top(log_softmax(logits), number, banned)
    gains, places = _room(len(logits), number)
    _best(array(logits.contiguous()), _sorted(tuple(banned)), array(gains), array(places))
    return gains, places


def _top_plain(log_probabilities: Tensor, number: int, banned: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    allowed = log_probabilities.clone()
    allowed[:, list(banned)] = -torch.inf
    best, places = allowed.topk(min(number, allowed.shape[-1]), dim=-1)
    return best, places


@kernel
def log_softmax_kernel(logits, made):  # type: ignore[no-untyped-def]
    size = logits.shape[1]
    for r in parallel_range(len(logits)):
        row, out = logits[r], made[r]
        most, total = f32(-3.0e38), f32(0)
        for v in range(size):
            x = to_float32(row[v])
            out[v] = x
            most = maximum(most, x)
        for v in range(size):
            total += exp(out[v] - most)
        taken = f32(np.log(total)) + most
        for v in range(size):
            out[v] -= taken


@kernel
def _best(logits, banned, gains, places):  # type: ignore[no-untyped-def]
    size, number = logits.shape[1], gains.shape[1]
    numbers, tops = np.empty(size, np.float32), np.empty((size + BLOCK - 1) // BLOCK, np.float32)
    for r in parallel_range(len(logits)):
        row, found, where = logits[r], gains[r], places[r]
        found[:], where[:] = f32(-np.inf), 0
        most = f32(-3.0e38)
        for block in range(len(tops)):
            given, wider = (
                row[block * BLOCK : (block + 1) * BLOCK],
                numbers[block * BLOCK : (block + 1) * BLOCK],
            )
            top = f32(-3.0e38)
            for v in range(len(given)):
                wider[v] = to_float32(given[v])
                top = maximum(top, wider[v])
            tops[block] = top
            most = maximum(most, top)
        total = f32(0)
        for v in range(size):
            total += exp(numbers[v] - most)
        taken = f32(np.log(total)) + most
        for v in banned:
            numbers[v] = f32(-np.inf)
            block, top = v // BLOCK, f32(-np.inf)
            for x in numbers[block * BLOCK : (block + 1) * BLOCK]:
                top = max(top, x)
            tops[block] = top
        # as many blocks have something at least as good as the last of the best of `tops`
        nothing = banned[:0]
        _insert(tops, 0, nothing, found, where)
        least = found[number - 1]
        found[:] = f32(-np.inf)
        for block in range(len(tops)):
            if tops[block] >= least and tops[block] > found[number - 1]:
                _insert(numbers[block * BLOCK : (block + 1) * BLOCK], block * BLOCK, nothing, found, where)
        for n in range(number):
            found[n] -= taken


@kernel
def top_kernel(log_probabilities, banned, best, places):  # type: ignore[no-untyped-def]
    size, number = log_probabilities.shape[1], best.shape[1]
    for r in parallel_range(len(log_probabilities)):
        row, found, where = log_probabilities[r], best[r], places[r]
        found[:], where[:] = f32(-np.inf), 0
        for start in range(0, size, BLOCK):
            block, most = row[start : start + BLOCK], f32(-3.0e38)
            for v in range(len(block)):
                most = maximum(most, block[v])
            if most > found[number - 1]:
                _insert(block, start, banned, found, where)


@inner
def argmax(row, banned):  # type: ignore[no-untyped-def]
    """The index of the largest of a row (V,) that is not banned; the first of equals."""
    best, index = f32(-np.inf), 0
    for start in range(0, len(row), BLOCK):
        block, largest = row[start : start + BLOCK], f32(-3.0e38)
        for v in range(len(block)):
            largest = maximum(largest, block[v])
        if largest > best:
            for v in range(len(block)):
                allowed = block[v] > best
                for b in banned:
                    allowed = allowed and b != start + v
                if allowed:
                    best, index = block[v], start + v
    return index


@inner
def _insert(given, start, banned, found, where):  # type: ignore[no-untyped-def]
    """Put what is better than what was found in its place, best first; `start` is the place of the first."""
    last = len(found) - 1
    for v in range(len(given)):
        x, place = given[v], last
        if not x > found[place]:
            continue
        skip = False
        for b in banned:
            skip = skip or b == start + v
        if skip:
            continue
        while place > 0 and x > found[place - 1]:
            found[place], where[place] = found[place - 1], where[place - 1]
            place -= 1
        found[place], where[place] = x, start + v
