"""What a search does over the whole vocabulary at every step: log-probabilities, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import policy
from regard.kernels.compiled import array, exp, f32, kernel, larger, prange, wide

BLOCK = 64  # log-probabilities of which first the largest is looked at


def log_softmax(logits: Float[Tensor, "... V"]) -> Float[Tensor, "... V"]:
    """Log-probabilities in nats; float32 at least."""
    if torch.is_grad_enabled() or not policy.by_numba(logits):
        return F.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    made = torch.empty(logits.shape)
    size = logits.shape[-1]
    _log_softmax(array(logits.reshape(-1, size)), array(made.view(-1, size)))
    return made


def top(
    log_probabilities: Float[Tensor, "R V"], number: int, banned: Sequence[int] = ()
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """The best of each row, best first, and their places; banned places are left out.

    Where fewer than `number` are above minus infinity, that fills up the row.
    """
    fits = number <= log_probabilities.shape[-1] and log_probabilities.dtype == torch.float32
    if not fits or not policy.by_numba(log_probabilities):
        return _top_plain(log_probabilities, number, banned)
    rows = len(log_probabilities)
    best, places = torch.full((rows, number), -torch.inf), torch.zeros(rows, number, dtype=torch.long)
    given = array(log_probabilities.contiguous()), np.array(sorted(banned), dtype=np.int64)
    _top(*given, array(best), array(places))
    return best, places


def _top_plain(log_probabilities: Tensor, number: int, banned: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    allowed = log_probabilities.clone()
    allowed[:, list(banned)] = -torch.inf
    best, places = allowed.topk(min(number, allowed.shape[-1]), dim=-1)
    return best, places


@kernel
def _log_softmax(logits, made):  # type: ignore[no-untyped-def]
    size = logits.shape[1]
    for r in prange(len(logits)):
        row, out = logits[r], made[r]
        most, total = f32(-3.0e38), f32(0)
        for v in range(size):
            x = wide(row[v])
            out[v] = x
            most = larger(most, x)
        for v in range(size):
            total += exp(out[v] - most)
        taken = f32(np.log(total)) + most
        for v in range(size):
            out[v] -= taken


@kernel
def _top(log_probabilities, banned, best, places):  # type: ignore[no-untyped-def]
    size, number = log_probabilities.shape[1], best.shape[1]
    for r in prange(len(log_probabilities)):
        row, found, where = log_probabilities[r], best[r], places[r]
        for start in range(0, size, BLOCK):
            block, most = row[start : min(start + BLOCK, size)], f32(-3.0e38)
            for v in range(len(block)):
                most = larger(most, block[v])
            if not most > found[number - 1]:
                continue
            for v in range(len(block)):
                x, place = block[v], number - 1
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
