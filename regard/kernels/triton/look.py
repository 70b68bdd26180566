"""One look of a loop, forwards and back: a program takes a row, its scores held all at once, its widths in parts."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, tanh, tile


def look_additive(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    v: Tensor,
    scale: float,
    weights: Tensor,
    context: Tensor,
) -> None:
    """The twin of numba's."""
    _forth(query, keys, values, valid, v, scale, weights, context)


def look_dot(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    scale: float,
    weights: Tensor,
    context: Tensor,
) -> None:
    """The twin of numba's."""
    _forth(query, keys, values, valid, None, scale, weights, context)


def look_additive_back(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    weights: Tensor,
    d_context: Tensor,
    d_weights: Tensor,
    v: Tensor,
    scale: float,
    kept: Tensor,
    d_query: Tensor,
    d_keys: Tensor,
    d_v: Tensor,
) -> None:
    """The twin of numba's."""
    given = query, keys, values, valid, weights, d_context, d_weights
    _back(*given, v, scale, kept, d_query, d_keys, d_v)


def look_dot_back(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    weights: Tensor,
    d_context: Tensor,
    d_weights: Tensor,
    scale: float,
    kept: Tensor,
    d_query: Tensor,
    d_keys: Tensor,
) -> None:
    """The twin of numba's."""
    given = query, keys, values, valid, weights, d_context, d_weights
    _back(*given, None, scale, kept, d_query, d_keys, None)


def add_values_back(weights: Tensor, d_contexts: Tensor, d_values: Tensor) -> None:
    """The twin of numba's."""
    with torch.autocast(weights.device.type, enabled=False):
        d_values.baddbmm_(weights.permute(1, 2, 0), d_contexts.transpose(0, 1).float())


def _forth(
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
    _look[(len(keys),)](*tensors, *strides, *sizes, ADDITIVE=v is not None, **blocks)


def _back(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    valid: Tensor,
    weights: Tensor,
    d_context: Tensor,
    d_weights: Tensor,
    v: Tensor | None,
    scale: float,
    kept: Tensor,
    d_query: Tensor,
    d_keys: Tensor,
    d_v: Tensor | None,
) -> None:
    sizes, blocks = _sizes(keys, values)
    strides = query.stride(0), d_context.stride(0), d_query.stride(0)
    given = query, keys, values, valid, weights, d_context, d_weights, v, scale
    made = kept, d_query, d_keys, d_v
    _look_back[(len(keys),)](*given, *made, *strides, *sizes, ADDITIVE=v is not None, **blocks)


def _sizes(keys: Tensor, values: Tensor) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Places, widths of keys and values; what a program holds of each, and its warps."""
    places, key_size, value_size = keys.shape[1], keys.shape[2], values.shape[2]
    held, key_block = tile(places, key_size)
    _, value_block = tile(places, value_size)
    blocks = {
        "PLACES": held,
        "KEYS": key_block,
        "VALUES": value_block,
        "num_warps": 4 if held <= 512 else 8,
    } | OPTIONS
    return (places, key_size, value_size), blocks


@triton.jit
def _look(
    query,
    keys,
    values,
    valid,
    v,
    scale,
    weights,
    context,
    query_row,
    context_row,
    places,
    key_size,
    value_size,
    ADDITIVE: tl.constexpr,
    PLACES: tl.constexpr,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, PLACES)
    looked = tl.load(valid + row * places + s, mask=s < places, other=0) != 0
    line = (row * places + s)[:, None]
    scores = tl.zeros((PLACES,), tl.float32)
    for first in range(0, key_size, KEYS):
        a = first + tl.arange(0, KEYS)
        inside = a < key_size
        q = tl.load(query + row * query_row + a, mask=inside, other=0.0).to(tl.float32)[None, :]
        k = tl.load(
            keys + line * key_size + a[None, :], mask=looked[:, None] & inside[None, :], other=0.0
        ).to(tl.float32)
        if ADDITIVE:
            share = tl.load(v + a, mask=inside, other=0.0).to(tl.float32)[None, :]
            scores += tl.sum(share * tanh(q + k), axis=1)
        else:
            scores += tl.sum(q * k, axis=1)
    scores = tl.where(looked, scores * scale, -3.0e38)
    e = tl.where(looked, tl.exp(scores - tl.max(scores, axis=0)), 0.0)
    total = tl.sum(e, axis=0)
    some = tl.max(looked.to(tl.int32), axis=0) != 0
    w = tl.where(some, e / tl.where(some, total, 1.0), 0.0)
    tl.store(weights + row * places + s, w, mask=s < places)
    for first in range(0, value_size, VALUES):
        m = first + tl.arange(0, VALUES)
        inside = m < value_size
        value = tl.load(
            values + line * value_size + m[None, :], mask=looked[:, None] & inside[None, :], other=0.0
        ).to(tl.float32)
        tl.store(context + row * context_row + m, tl.sum(w[:, None] * value, axis=0), mask=inside)


@triton.jit
def _look_back(
    query,
    keys,
    values,
    valid,
    weights,
    d_context,
    d_weights,
    v,
    scale,
    kept,
    d_query,
    d_keys,
    d_v,
    query_row,
    context_row,
    d_query_row,
    places,
    key_size,
    value_size,
    ADDITIVE: tl.constexpr,
    PLACES: tl.constexpr,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    s = tl.arange(0, PLACES)
    looked = tl.load(valid + row * places + s, mask=s < places, other=0) != 0
    line = (row * places + s)[:, None]
    w = tl.load(weights + row * places + s, mask=looked, other=0.0)
    d_w = tl.load(d_weights + row * places + s, mask=looked, other=0.0)
    for first in range(0, value_size, VALUES):
        m = first + tl.arange(0, VALUES)
        inside = looked[:, None] & (m < value_size)[None, :]
        place = line * value_size + m[None, :]
        d = tl.load(d_context + row * context_row + m, mask=m < value_size, other=0.0).to(tl.float32)[None, :]
        d_w += tl.sum(d * tl.load(values + place, mask=inside, other=0.0).to(tl.float32), axis=1)
        tl.store(kept + row * value_size + m[None, :], d, mask=(m < value_size)[None, :])
    d_scores = (w * (d_w - tl.sum(w * d_w, axis=0)) * scale)[:, None]
    for first in range(0, key_size, KEYS):
        a = first + tl.arange(0, KEYS)
        inside = looked[:, None] & (a < key_size)[None, :]
        place = line * key_size + a[None, :]
        q = tl.load(query + row * query_row + a, mask=a < key_size, other=0.0).to(tl.float32)[None, :]
        k = tl.load(keys + place, mask=inside, other=0.0).to(tl.float32)
        d_key = tl.load(d_keys + place, mask=inside, other=0.0)
        if ADDITIVE:
            y = tanh(q + k)
            d_v_place = d_v + row * key_size + a
            d_v_before = tl.load(d_v_place, mask=a < key_size, other=0.0)
            tl.store(d_v_place, d_v_before + tl.sum(d_scores * y, axis=0), mask=a < key_size)
            k = d_scores * tl.load(v + a, mask=a < key_size, other=0.0).to(tl.float32)[None, :] * (1 - y * y)
            d_key += k
        else:
            k = d_scores * k
            d_key += d_scores * q
        tl.store(d_keys + place, d_key, mask=inside)
        tl.store(d_query + row * d_query_row + a, tl.sum(k, axis=0), mask=a < key_size)
