"""Attention at one step, forward and backward: a program processes a row, all scores at once, keys in parts."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, tanh, tile


def additive_attention_forward(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    v: Tensor,
    scale: float,
    weights: Tensor,
    context: Tensor,
) -> None:
    """Twin of numba's kernel."""
    _launch_forward(query, keys, values, valid, v, scale, weights, context)


def dot_attention_forward(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    scale: float,
    weights: Tensor,
    context: Tensor,
) -> None:
    """Twin of numba's kernel."""
    _launch_forward(query, keys, values, valid, None, scale, weights, context)


def additive_attention_backward(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    weights: Tensor,
    d_context: Tensor,
    d_weights: Tensor,
    v: Tensor,
    scale: float,
    saved_d_context: Tensor,
    d_query: Tensor,
    d_keys: Tensor,
    d_v: Tensor,
) -> None:
    """Twin of numba's kernel."""
    inputs = query, keys, values, valid, weights, d_context, d_weights
    _launch_backward(*inputs, v, scale, saved_d_context, d_query, d_keys, d_v)


def dot_attention_backward(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    weights: Tensor,
    d_context: Tensor,
    d_weights: Tensor,
    scale: float,
    saved_d_context: Tensor,
    d_query: Tensor,
    d_keys: Tensor,
) -> None:
    """Twin of numba's kernel."""
    inputs = query, keys, values, valid, weights, d_context, d_weights
    _launch_backward(*inputs, None, scale, saved_d_context, d_query, d_keys, None)


def add_value_gradients(weights: Tensor, d_contexts: Tensor, d_values: Tensor) -> None:
    """Twin of numba's kernel."""
    with torch.autocast(weights.device.type, enabled=False):
        d_values.baddbmm_(weights.permute(1, 2, 0), d_contexts.transpose(0, 1).float())


def _launch_forward(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    v: Tensor | None,
    scale: float,
    weights: Tensor,
    context: Tensor,
) -> None:
    sizes, blocks = _sizes(keys, values)
    strides = query.stride(0), context.stride(0)
    tensors = query, keys, values, valid, v, scale, weights, context
    _attention_forward[(len(keys),)](*tensors, *strides, *sizes, ADDITIVE=v is not None, **blocks)


def _launch_backward(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    weights: Tensor,
    d_context: Tensor,
    d_weights: Tensor,
    v: Tensor | None,
    scale: float,
    saved_d_context: Tensor,
    d_query: Tensor,
    d_keys: Tensor,
    d_v: Tensor | None,
) -> None:
    sizes, blocks = _sizes(keys, values)
    strides = query.stride(0), d_context.stride(0), d_query.stride(0)
    inputs = query, keys, values, valid, weights, d_context, d_weights, v, scale
    outputs = saved_d_context, d_query, d_keys, d_v
    _attention_backward[(len(keys),)](*inputs, *outputs, *strides, *sizes, ADDITIVE=v is not None, **blocks)


def _sizes(keys: Tensor, values: Tensor) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Return S, K and M; the sizes of the blocks that a program holds at a time, and its warps."""
    num_positions, key_size, value_size = keys.shape[1], keys.shape[2], values.shape[2]
    tile_rows, key_block = tile(num_positions, key_size)
    _, value_block = tile(num_positions, value_size)
    blocks = {
        "POSITIONS": tile_rows,
        "KEYS": key_block,
        "VALUES": value_block,
        "num_warps": 4 if tile_rows <= 512 else 8,
    } | OPTIONS
    return (num_positions, key_size, value_size), blocks


@triton.jit
def _attention_forward(
    query,
    keys,
    values,
    valid,
    v,
    scale,
    weights,
    context,
    query_stride,
    context_stride,
    num_positions,
    key_size,
    value_size,
    ADDITIVE: tl.constexpr,
    POSITIONS: tl.constexpr,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
):
    """The formulas are those of numba's kernels; v is None for the dot score."""
    row = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, POSITIONS)
    is_valid = tl.load(valid + row * num_positions + s, mask=s < num_positions, other=0) != 0
    line = (row * num_positions + s)[:, None]
    scores = tl.zeros((POSITIONS,), tl.float32)
    for first in range(0, key_size, KEYS):
        a = first + tl.arange(0, KEYS)
        inside = a < key_size
        q = tl.load(query + row * query_stride + a, mask=inside, other=0.0).to(tl.float32)[None, :]
        k = tl.load(
            keys + line * key_size + a[None, :], mask=is_valid[:, None] & inside[None, :], other=0.0
        ).to(tl.float32)
        if ADDITIVE:
            v_a = tl.load(v + a, mask=inside, other=0.0).to(tl.float32)[None, :]
            scores += tl.sum(v_a * tanh(q + k), axis=1)
        else:
            scores += tl.sum(q * k, axis=1)
    scores = tl.where(is_valid, scores * scale, -3.0e38)
    e = tl.where(is_valid, tl.exp(scores - tl.max(scores, axis=0)), 0.0)
    total = tl.sum(e, axis=0)
    any_valid = tl.max(is_valid.to(tl.int32), axis=0) != 0
    w = tl.where(any_valid, e / tl.where(any_valid, total, 1.0), 0.0)
    tl.store(weights + row * num_positions + s, w, mask=s < num_positions)
    for first in range(0, value_size, VALUES):
        m = first + tl.arange(0, VALUES)
        inside = m < value_size
        value = tl.load(
            values + line * value_size + m[None, :], mask=is_valid[:, None] & inside[None, :], other=0.0
        ).to(tl.float32)
        tl.store(context + row * context_stride + m, tl.sum(w[:, None] * value, axis=0), mask=inside)


@triton.jit
def _attention_backward(
    query,
    keys,
    values,
    valid,
    weights,
    d_context,
    d_weights,
    v,
    scale,
    saved_d_context,
    d_query,
    d_keys,
    d_v,
    query_stride,
    context_stride,
    d_query_stride,
    num_positions,
    key_size,
    value_size,
    ADDITIVE: tl.constexpr,
    POSITIONS: tl.constexpr,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
):
    """The formulas are those of numba's kernels; v and d_v are None for the dot score."""
    row = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, POSITIONS)
    is_valid = tl.load(valid + row * num_positions + s, mask=s < num_positions, other=0) != 0
    line = (row * num_positions + s)[:, None]
    w = tl.load(weights + row * num_positions + s, mask=is_valid, other=0.0)
    d_w = tl.load(d_weights + row * num_positions + s, mask=is_valid, other=0.0)
    # forward: context = Σ_s w_s values_s
    for first in range(0, value_size, VALUES):
        m = first + tl.arange(0, VALUES)
        inside = is_valid[:, None] & (m < value_size)[None, :]
        index = line * value_size + m[None, :]
        d = tl.load(d_context + row * context_stride + m, mask=m < value_size, other=0.0).to(tl.float32)[
            None, :
        ]
        d_w += tl.sum(d * tl.load(values + index, mask=inside, other=0.0).to(tl.float32), axis=1)
        tl.store(saved_d_context + row * value_size + m[None, :], d, mask=(m < value_size)[None, :])
    # forward: w = softmax(scale · score)
    d_scores = (w * (d_w - tl.sum(w * d_w, axis=0)) * scale)[:, None]
    # forward: score = Σ_a v_a tanh(q_a + k_a) or Σ_a q_a k_a
    for first in range(0, key_size, KEYS):
        a = first + tl.arange(0, KEYS)
        inside = is_valid[:, None] & (a < key_size)[None, :]
        index = line * key_size + a[None, :]
        q = tl.load(query + row * query_stride + a, mask=a < key_size, other=0.0).to(tl.float32)[None, :]
        k = tl.load(keys + index, mask=inside, other=0.0).to(tl.float32)
        d_key = tl.load(d_keys + index, mask=inside, other=0.0)
        if ADDITIVE:
            y = tanh(q + k)
            d_v_index = d_v + row * key_size + a
            d_v_before = tl.load(d_v_index, mask=a < key_size, other=0.0)
            tl.store(d_v_index, d_v_before + tl.sum(d_scores * y, axis=0), mask=a < key_size)
            v_a = tl.load(v + a, mask=a < key_size, other=0.0).to(tl.float32)[None, :]
            d_q = d_scores * v_a * (1 - y * y)
            d_key += d_q
        else:
            d_q = d_scores * k
            d_key += d_scores * q
        tl.store(d_keys + index, d_key, mask=inside)
        tl.store(d_query + row * d_query_stride + a, tl.sum(d_q, axis=0), mask=a < key_size)
