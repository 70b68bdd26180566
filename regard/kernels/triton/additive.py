"""The additive score of many queries and keys: a program processes one query, or all of them for some columns."""

import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block, tanh

POSITIONS, COLUMNS = 64, 64  # of a tile, at most


def additive_forward(query: Tensor, keys: Tensor, v: Tensor, scores: Tensor) -> None:
    """Twin of numba's kernel."""
    (batch, num_steps, size), positions = query.shape, keys.shape[1]
    rows = block(positions, POSITIONS)
    grid = batch * num_steps, triton.cdiv(positions, rows)
    _scores[grid](
        query,
        keys,
        v,
        scores,
        num_steps,
        positions,
        size,
        POSITIONS=rows,
        COLUMNS=block(size, COLUMNS),
        **OPTIONS,
    )


def additive_backward(
    query: Tensor, keys: Tensor, v: Tensor, grad: Tensor, d_query: Tensor, d_keys: Tensor, d_v: Tensor
) -> None:
    """Twin of numba's kernel."""
    (batch, num_steps, size), positions = query.shape, keys.shape[1]
    rows, columns = block(positions, POSITIONS), block(size, COLUMNS)
    num_blocks = triton.cdiv(size, columns)
    inputs, sizes = (query, keys, v, grad), (num_steps, positions, size)
    _query_gradients[(batch, num_blocks)](
        *inputs, d_query, d_v, *sizes, POSITIONS=rows, COLUMNS=columns, **OPTIONS
    )
    grid = batch, triton.cdiv(positions, rows), num_blocks
    _keys_gradient[grid](*inputs, d_keys, *sizes, POSITIONS=rows, COLUMNS=columns, **OPTIONS)


@triton.jit
def _scores(
    query, keys, v, scores, num_steps, positions, size, POSITIONS: tl.constexpr, COLUMNS: tl.constexpr
):
    """scores = Σ_a v_a tanh(q_a + k_a), for one query and some positions."""
    step = tl.program_id(0).to(tl.int64)  # of those of all sentences
    s = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    line = ((step // num_steps) * positions + s)[:, None]
    total = tl.zeros((POSITIONS,), tl.float32)
    for first in range(0, size, COLUMNS):
        a = first + tl.arange(0, COLUMNS)
        inside = (s < positions)[:, None] & (a < size)[None, :]
        q = tl.load(query + step * size + a, mask=a < size, other=0.0)[None, :]
        k = tl.load(keys + line * size + a[None, :], mask=inside, other=0.0)
        total += tl.sum(tl.load(v + a, mask=a < size, other=0.0)[None, :] * tanh(q + k), axis=1)
    tl.store(scores + step * positions + s, total, mask=s < positions)


@triton.jit
def _query_gradients(
    query,
    keys,
    v,
    grad,
    d_query,
    d_v,
    num_steps,
    positions,
    size,
    POSITIONS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """d_query, and d_v added: for some columns of a sentence, over all steps and positions.

    Forward: `score = Σ_a v_a y_a, y = tanh(q + k)`.
    """
    sentence = tl.program_id(0).to(tl.int64)
    a = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    v_a = tl.load(v + a, mask=a < size, other=0.0)[None, :]
    dv = tl.load(d_v + sentence * size + a, mask=a < size, other=0.0)
    for t in range(num_steps):
        step = sentence * num_steps + t
        q = tl.load(query + step * size + a, mask=a < size, other=0.0)[None, :]
        dq = tl.zeros((COLUMNS,), tl.float32)
        for first in range(0, positions, POSITIONS):
            s = first + tl.arange(0, POSITIONS)
            inside = (s < positions)[:, None] & (a < size)[None, :]
            d = tl.load(grad + step * positions + s, mask=s < positions, other=0.0)[:, None]
            line = (sentence * positions + s)[:, None]
            y = tanh(q + tl.load(keys + line * size + a[None, :], mask=inside, other=0.0))
            dv += tl.sum(d * y, axis=0)
            dq += tl.sum(d * v_a * (1 - y * y), axis=0)
        tl.store(d_query + step * size + a, dq, mask=a < size)
    tl.store(d_v + sentence * size + a, dv, mask=a < size)


@triton.jit
def _keys_gradient(
    query, keys, v, grad, d_keys, num_steps, positions, size, POSITIONS: tl.constexpr, COLUMNS: tl.constexpr
):
    """d_keys added: for some positions and columns of a sentence, over all steps. Forward: `y = tanh(q + k)`."""
    sentence = tl.program_id(0).to(tl.int64)
    s = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    a = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (s < positions)[:, None] & (a < size)[None, :]
    index = (sentence * positions + s)[:, None] * size + a[None, :]
    v_a = tl.load(v + a, mask=a < size, other=0.0)[None, :]
    k = tl.load(keys + index, mask=inside, other=0.0)
    dk = tl.load(d_keys + index, mask=inside, other=0.0)
    for t in range(num_steps):
        step = sentence * num_steps + t
        q = tl.load(query + step * size + a, mask=a < size, other=0.0)[None, :]
        d = tl.load(grad + step * positions + s, mask=s < positions, other=0.0)[:, None]
        y = tanh(q + k)
        dk += d * v_a * (1 - y * y)
    tl.store(d_keys + index, dk, mask=inside)
