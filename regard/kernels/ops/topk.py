"""The operations of a search over the whole vocabulary at every step: log-probabilities, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from regard.errors import ShapeError
from regard.kernels import dispatch
from regard.kernels.compile import array, f32, inner, kernel
from regard.kernels.intrinsics import exp, maximum, to_float32
from regard.kernels.threads import parallel_range

BLOCK = 64  # log-probabilities that are skipped at once where the largest of them is not among the best


def log_softmax(logits: Float[Tensor, "... V"]) -> Float[Tensor, "... V"]:
    """Return log-probabilities in nats, in float32 at least."""
    if torch.is_grad_enabled() or not dispatch.by_numba(logits):
        return F.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    output = torch.empty(logits.shape)
    size = logits.shape[-1]
    log_softmax_kernel(array(logits.reshape(-1, size)), array(output.view(-1, size)))
    return output


def top(
    log_probabilities: Float[Tensor, "R V"], num_best: int, banned: Sequence[int] = ()
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """Return the best log-probabilities of each row, best first, and their indices; banned indices are left out.

    Where fewer than `num_best` are above minus infinity, minus infinity fills up the row. Raises ShapeError.
    """
    supported = num_best <= log_probabilities.shape[-1] and log_probabilities.dtype == torch.float32
    if not supported or not dispatch.by_numba(log_probabilities):
        return _top_plain(log_probabilities, num_best, banned)
    _check_shapes("top", log_probabilities, banned)
    best, indices = _buffers(len(log_probabilities), num_best)
    top_kernel(array(log_probabilities.contiguous()), _sorted(tuple(banned)), array(best), array(indices))
    return best, indices


def best(
    logits: Float[Tensor, "R V"], num_best: int, banned: Sequence[int] = ()
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """Return `top(log_softmax(logits), …)` without writing all log-probabilities.

    Banned tokens count in the softmax. Raises ShapeError.
    """
    if torch.is_grad_enabled() or num_best > logits.shape[-1] or not dispatch.by_numba(logits):
        return top(log_softmax(logits), num_best, banned)
    _check_shapes("best", logits, banned)
    log_probabilities, indices = _buffers(len(logits), num_best)
    best_kernel(array(logits.contiguous()), _sorted(tuple(banned)), array(log_probabilities), array(indices))
    return log_probabilities, indices


def _check_shapes(operation: str, scores: Tensor, banned: Sequence[int]) -> None:
    if scores.dim() != 2:
        raise ShapeError(f"{operation}: expected rows over the vocabulary (R, V), got {tuple(scores.shape)}")
    if banned and not 0 <= min(banned) <= max(banned) < scores.shape[1]:
        raise ShapeError(f"{operation}: expected banned indices below {scores.shape[1]}, got {tuple(banned)}")


def _buffers(num_rows: int, num_best: int) -> tuple[Tensor, Tensor]:
    return torch.empty(num_rows, num_best), torch.empty(num_rows, num_best, dtype=torch.long)


@cache
def _sorted(banned: tuple[int, ...]) -> NDArray[np.int64]:
    return np.array(sorted(banned), dtype=np.int64)


def _top_plain(log_probabilities: Tensor, num_best: int, banned: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    allowed = log_probabilities.clone()
    allowed[:, list(banned)] = -torch.inf
    best, indices = allowed.topk(min(num_best, allowed.shape[-1]), dim=-1)
    return best, indices


@kernel
def log_softmax_kernel(logits, output):  # type: ignore[no-untyped-def]
    """output (R, V), float32 = logits (R, V) − log Σ_v exp(logits_v)."""
    size = logits.shape[1]
    for r in parallel_range(len(logits)):
        row, out = logits[r], output[r]
        largest, total = f32(-3.0e38), f32(0)
        for v in range(size):
            x = to_float32(row[v])
            out[v] = x
            largest = maximum(largest, x)
        for v in range(size):
            total += exp(out[v] - largest)
        log_sum_exp = f32(np.log(total)) + largest
        for v in range(size):
            out[v] -= log_sum_exp


@kernel
def best_kernel(logits, banned, best, indices):  # type: ignore[no-untyped-def]
    """best, indices (R, N) = the N largest of log_softmax(logits (R, V)) and their indices, best first.

    The indices in `banned` count in the softmax and are not among the best.
    """
    size, num_best = logits.shape[1], best.shape[1]
    values = np.empty(size, np.float32)
    block_maxima = np.empty((size + BLOCK - 1) // BLOCK, np.float32)
    for r in parallel_range(len(logits)):
        row, row_best, row_indices = logits[r], best[r], indices[r]
        row_best[:], row_indices[:] = f32(-np.inf), 0
        largest = f32(-3.0e38)
        for block in range(len(block_maxima)):
            source = row[block * BLOCK : (block + 1) * BLOCK]
            target = values[block * BLOCK : (block + 1) * BLOCK]
            block_maximum = f32(-3.0e38)
            for v in range(len(source)):
                target[v] = to_float32(source[v])
                block_maximum = maximum(block_maximum, target[v])
            block_maxima[block] = block_maximum
            largest = maximum(largest, block_maximum)
        total = f32(0)
        for v in range(size):
            total += exp(values[v] - largest)
        log_sum_exp = f32(np.log(total)) + largest
        for v in banned:
            values[v] = f32(-np.inf)
            block, block_maximum = v // BLOCK, f32(-np.inf)
            for x in values[block * BLOCK : (block + 1) * BLOCK]:
                block_maximum = max(block_maximum, x)
            block_maxima[block] = block_maximum
        # N blocks have something at least as large as the N-th largest maximum of a block
        no_index = banned[:0]
        _insert(block_maxima, 0, no_index, row_best, row_indices)
        threshold = row_best[num_best - 1]
        row_best[:] = f32(-np.inf)
        for block in range(len(block_maxima)):
            if block_maxima[block] >= threshold and block_maxima[block] > row_best[num_best - 1]:
                block_values = values[block * BLOCK : (block + 1) * BLOCK]
                _insert(block_values, block * BLOCK, no_index, row_best, row_indices)
        for n in range(num_best):
            row_best[n] -= log_sum_exp


@kernel
def top_kernel(log_probabilities, banned, best, indices):  # type: ignore[no-untyped-def]
    """best, indices (R, N) = the N largest of log_probabilities (R, V) that are not banned, best first."""
    size, num_best = log_probabilities.shape[1], best.shape[1]
    for r in parallel_range(len(log_probabilities)):
        row, row_best, row_indices = log_probabilities[r], best[r], indices[r]
        row_best[:], row_indices[:] = f32(-np.inf), 0
        for start in range(0, size, BLOCK):
            block, largest = row[start : start + BLOCK], f32(-3.0e38)
            for v in range(len(block)):
                largest = maximum(largest, block[v])
            if largest > row_best[num_best - 1]:
                _insert(block, start, banned, row_best, row_indices)


@inner
def argmax(row, banned):  # type: ignore[no-untyped-def]
    """Return the index of the largest of a row (V,) that is not banned; the first of equals."""
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
def _insert(values, start, banned, best, indices):  # type: ignore[no-untyped-def]
    """Insert into best, indices (N,), best first, the values that belong there; `start` is the index of the first."""
    last = len(best) - 1
    for v in range(len(values)):
        x, n = values[v], last
        if not x > best[n]:
            continue
        skip = False
        for b in banned:
            skip = skip or b == start + v
        if skip:
            continue
        while n > 0 and x > best[n - 1]:
            best[n], indices[n] = best[n - 1], indices[n - 1]
            n -= 1
        best[n], indices[n] = x, start + v
