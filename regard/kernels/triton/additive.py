"""The additive score of many queries and keys: a program takes a query, or goes over all of them for some columns."""

import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block, tanh

PLACES, COLUMNS = 64, 64  # most of a tile


def additive_forward(query: Tensor, keys: Tensor, v: Tensor, scores: Tensor) -> None:
    """The twin of numba's."""
    (sentences, steps, size), places = query.shape, keys.shape[1]
    held = block(places, PLACES)
    grid = sentences * steps, triton.cdiv(places, held)
    _scores[grid](
        query, keys, v, scores, steps, places, size, PLACES=held, COLUMNS=block(size, COLUMNS), **OPTIONS
    )


def additive_backward(
    query: Tensor, keys: Tensor, v: Tensor, grad: Tensor, d_query: Tensor, d_keys: Tensor, d_v: Tensor
) -> None:
    """The twin of numba's."""
    (sentences, steps, size), places = query.shape, keys.shape[1]
    held, columns = block(places, PLACES), block(size, COLUMNS)
    parts = triton.cdiv(size, columns)
    given, sizes = (query, keys, v, grad), (steps, places, size)
    _to_queries[(sentences, parts)](*given, d_query, d_v, *sizes, PLACES=held, COLUMNS=columns, **OPTIONS)
    grid = sentences, triton.cdiv(places, held), parts
    _to_keys[grid](*given, d_keys, *sizes, PLACES=held, COLUMNS=columns, **OPTIONS)


@triton.jit
def _scores(query, keys, v, scores, steps, places, size, PLACES: tl.constexpr, COLUMNS: tl.constexpr):
    step = tl.program_id(0).to(tl.int64)  # of all sentences
    s = tl.program_id(1) * PLACES + tl.arange(0, PLACES)
    line = ((step // steps) * places + s)[:, None]
    total = tl.zeros((PLACES,), tl.float32)
    for first in range(0, size, COLUMNS):
        a = first + tl.arange(0, COLUMNS)
        inside = (s < places)[:, None] & (a < size)[None, :]
        q = tl.load(query + step * size + a, mask=a < size, other=0.0)[None, :]
        k = tl.load(keys + line * size + a[None, :], mask=inside, other=0.0)
        total += tl.sum(tl.load(v + a, mask=a < size, other=0.0)[None, :] * tanh(q + k), axis=1)
    tl.store(scores + step * places + s, total, mask=s < places)


@triton.jit
def _to_queries(
    query, keys, v, grad, d_query, d_v, steps, places, size, PLACES: tl.constexpr, COLUMNS: tl.constexpr
):
    """The gradients of queries and v: for some columns of a sentence, over all steps and places."""
    sentence = tl.program_id(0).to(tl.int64)
    a = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    share = tl.load(v + a, mask=a < size, other=0.0)[None, :]
    dv = tl.load(d_v + sentence * size + a, mask=a < size, other=0.0)
    for t in range(steps):
        step = sentence * steps + t
        q = tl.load(query + step * size + a, mask=a < size, other=0.0)[None, :]
        dq = tl.zeros((COLUMNS,), tl.float32)
        for first in range(0, places, PLACES):
            s = first + tl.arange(0, PLACES)
            inside = (s < places)[:, None] & (a < size)[None, :]
            d = tl.load(grad + step * places + s, mask=s < places, other=0.0)[:, None]
            line = (sentence * places + s)[:, None]
            y = tanh(q + tl.load(keys + line * size + a[None, :], mask=inside, other=0.0))
            dv += tl.sum(d * y, axis=0)
            dq += tl.sum(d * share * (1 - y * y), axis=0)
        tl.store(d_query + step * size + a, dq, mask=a < size)
    tl.store(d_v + sentence * size + a, dv, mask=a < size)


@triton.jit
def _to_keys(query, keys, v, grad, d_keys, steps, places, size, PLACES: tl.constexpr, COLUMNS: tl.constexpr):
    """The gradient of the keys is added: for some places and columns of a sentence, over all steps."""
    sentence = tl.program_id(0).to(tl.int64)
    s = tl.program_id(1) * PLACES + tl.arange(0, PLACES)
    a = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (s < places)[:, None] & (a < size)[None, :]
    place = (sentence * places + s)[:, None] * size + a[None, :]
    share = tl.load(v + a, mask=a < size, other=0.0)[None, :]
    k = tl.load(keys + place, mask=inside, other=0.0)
    dk = tl.load(d_keys + place, mask=inside, other=0.0)
    for t in range(steps):
        step = sentence * steps + t
        q = tl.load(query + step * size + a, mask=a < size, other=0.0)[None, :]
        d = tl.load(grad + step * places + s, mask=s < places, other=0.0)[:, None]
        y = tanh(q + k)
        dk += d * share * (1 - y * y)
    tl.store(d_keys + place, dk, mask=inside)
