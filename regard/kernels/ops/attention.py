"""One look at the memory for every row of a search: scores, weights and context in one pass, without gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.kernels.compile import array, f32, inner, kernel
from regard.kernels.gemm.linear import linear
from regard.kernels.intrinsics import cast_like, exp, tanh, to_float32
from regard.kernels.ops.additive import add_gradients
from regard.kernels.threads import parallel_range


@dataclass(frozen=True)
class AttentionInputs:
    """A memory, and the score: `v · tanh(W q + k)`, or without W and v `q · k`, times `scale`."""

    keys: Float[Tensor, "R S K"]
    values: Float[Tensor, "R S M"]
    valid: Bool[Tensor, "R S"]
    W: Float[Tensor, "K Q"] | None
    v: Float[Tensor, " K"] | None
    scale: float


def attend(
    looking: AttentionInputs, query: Float[Tensor, "R Q"]
) -> tuple[Float[Tensor, "R S"], Float[Tensor, "R S"], Float[Tensor, "R M"]]:
    """Scores, minus infinity where not valid, weights and context of every query.

    R is the number of sentences or a whole multiple of it: the rows of a sentence stand together.
    """
    rows, places = len(query), looking.valid.shape[1]
    scores = torch.full((rows, places), -torch.inf)
    weights = torch.empty(rows, places)
    context = torch.empty(rows, looking.values.shape[-1])
    memory = [array(part.contiguous()) for part in (looking.keys, looking.values, looking.valid)]
    memory = [np.arange(len(looking.keys)), *memory]
    made = [array(part) for part in (scores, weights, context)]
    if looking.W is None or looking.v is None:
        dot_attention_rows(array(query.contiguous()), *memory, looking.scale, *made)
    else:
        given = array(linear(query, looking.W, None))
        additive_attention_rows(given, *memory, array(looking.v.contiguous()), looking.scale, *made)
    return scores, weights, context


@kernel
def additive_attention_rows(query, which, keys, values, valid, v, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    """`which` sentence of the memory every so many rows look at."""
    rows = len(query) // max(len(which), 1)
    for r in parallel_range(len(query)):
        b = which[r // rows]
        additive_scores(query[r], keys[b], valid[b], v, scale, weights[r])
        _keep(weights[r], valid[b], scores[r])
        softmax_and_sum(weights[r], valid[b], values[b], context[r])


@kernel
def dot_attention_rows(query, which, keys, values, valid, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    """As `additive_attention_rows`."""
    rows = len(query) // max(len(which), 1)
    for r in parallel_range(len(query)):
        b = which[r // rows]
        dot_scores_kernel(query[r], keys[b], valid[b], scale, weights[r])
        _keep(weights[r], valid[b], scores[r])
        softmax_and_sum(weights[r], valid[b], values[b], context[r])


@inner
def _keep(given, valid, scores):  # type: ignore[no-untyped-def]
    """The scores of valid places; the others stay as they are, minus infinity."""
    for s in range(len(given)):
        if valid[s]:
            scores[s] = given[s]


# nats below the best score, 2e-22 of its weight: products with much less come so near to float32's least number that
# CPUs take a hundred times as long for each
NEGLIGIBLE = f32(-50)


@kernel
def additive_attention_forward(query, keys, values, valid, v, scale, weights, context):  # type: ignore[no-untyped-def]
    for b in parallel_range(len(keys)):
        additive_scores(query[b], keys[b], valid[b], v, scale, weights[b])
        softmax_and_sum(weights[b], valid[b], values[b], context[b, : values.shape[2]])


@kernel
def dot_attention_forward(query, keys, values, valid, scale, weights, context):  # type: ignore[no-untyped-def]
    for b in parallel_range(len(keys)):
        dot_scores_kernel(query[b], keys[b], valid[b], scale, weights[b])
        softmax_and_sum(weights[b], valid[b], values[b], context[b, : values.shape[2]])


@kernel
def additive_attention_backward(  # type: ignore[no-untyped-def]
    query, keys, values, valid, weights, d_context, d_weights, v, scale, kept, d_query, d_keys, d_v
):
    """`kept` takes the gradient of the context, from which that of the values is made in the end."""
    places, size = keys.shape[1], keys.shape[2]
    d_scores, q = np.empty(places, np.float32), np.empty(size, np.float32)
    dq, y = np.empty(size, np.float32), np.empty(size, np.float32)
    for b in parallel_range(len(keys)):
        _softmax_and_sum_back(
            weights[b], values[b], d_context[b, : values.shape[2]], d_weights[b], d_scores, kept[b]
        )
        dv, given = d_v[b], query[b]
        for a in range(size):
            q[a] = to_float32(given[a])
        for a in range(size):
            dq[a] = f32(0)
        for s in range(places):
            d, k, dk = d_scores[s] * f32(scale), keys[b, s], d_keys[b, s]
            if valid[b, s]:
                add_gradients(q, k, v, d, y, dq, dk, dv)
        out = d_query[b]
        for a in range(size):
            out[a] = cast_like(out, dq[a])


@kernel
def dot_attention_backward(  # type: ignore[no-untyped-def]
    query, keys, values, valid, weights, d_context, d_weights, scale, kept, d_query, d_keys
):
    places, size = keys.shape[1], keys.shape[2]
    d_scores, dq = np.empty(places, np.float32), np.empty(size, np.float32)
    for b in parallel_range(len(keys)):
        _softmax_and_sum_back(
            weights[b], values[b], d_context[b, : values.shape[2]], d_weights[b], d_scores, kept[b]
        )
        q, out = query[b], d_query[b]
        for a in range(size):
            dq[a] = f32(0)
        for s in range(places):
            d, k, dk = d_scores[s] * f32(scale), keys[b, s], d_keys[b, s]
            if d != f32(0):
                for a in range(size):
                    dq[a] += d * to_float32(k[a])
                for a in range(size):
                    dk[a] += d * to_float32(q[a])
        for a in range(size):
            out[a] = cast_like(out, dq[a])


@inner
def additive_scores(query, keys, valid, v, scale, scores):  # type: ignore[no-untyped-def]
    """Of a query (A,) against the keys (S, A) that are valid; 0 of the others."""
    q = np.empty(len(query), np.float32)
    for a in range(len(q)):
        q[a] = to_float32(query[a])
    for s in range(len(keys)):
        k, total = keys[s], f32(0)
        if valid[s]:
            for a in range(len(q)):
                total += v[a] * tanh(q[a] + to_float32(k[a]))
        scores[s] = total * f32(scale)


@inner
def dot_scores_kernel(query, keys, valid, scale, scores):  # type: ignore[no-untyped-def]
    """Of a query (K,) against the keys (S, K) that are valid; 0 of the others."""
    for s in range(len(keys)):
        k, total = keys[s], f32(0)
        if valid[s]:
            for a in range(len(k)):
                total += to_float32(query[a]) * to_float32(k[a])
        scores[s] = total * f32(scale)


@inner
def softmax_and_sum(scores, valid, values, context):  # type: ignore[no-untyped-def]
    """Scores (S,) become weights, 0 where not valid or negligible; the sum of the values (S, M) by them."""
    most, total = f32(-3.0e38), f32(0)
    for s in range(len(scores)):
        if valid[s]:
            most = max(most, scores[s])
    for s in range(len(scores)):
        below = scores[s] - most
        scores[s] = exp(below) if valid[s] and not below < NEGLIGIBLE else f32(0)
        total += scores[s]
    scale = f32(1) / total if total > f32(0) else f32(0)
    summed = np.empty(values.shape[1], np.float32)
    for m in range(len(summed)):
        summed[m] = f32(0)
    for s in range(len(scores)):
        scores[s] *= scale
        w, value = scores[s], values[s]
        if w != f32(0):
            for m in range(len(summed)):
                summed[m] += w * to_float32(value[m])
    for m in range(len(summed)):
        context[m] = cast_like(context, summed[m])


@inner
def _softmax_and_sum_back(weights, values, d_context, d_weights, d_scores, kept):  # type: ignore[no-untyped-def]
    """From the gradients of context and weights to those of the scores; that of the context is kept."""
    mean = f32(0)
    d = np.empty(values.shape[1], np.float32)
    for m in range(len(d)):
        d[m] = to_float32(d_context[m])
    for m in range(len(d)):
        kept[m] = cast_like(kept, d[m])
    for s in range(len(weights)):
        w, value, total = weights[s], values[s], d_weights[s]
        d_scores[s] = f32(0)
        if w == f32(0):
            continue
        for m in range(len(d)):
            total += d[m] * to_float32(value[m])
        d_scores[s] = total
        mean += w * total
    for s in range(len(weights)):
        d_scores[s] = weights[s] * (d_scores[s] - mean)


@kernel
def add_value_gradients(weights, d_contexts, d_values):  # type: ignore[no-untyped-def]
    """Add what all steps' contexts (T, B, M) want of the values (B, S, M) that they are sums of, by their weights."""
    steps, sentences, places = weights.shape
    for b in parallel_range(sentences):
        for s in range(places):
            d_value = d_values[b, s]
            for t in range(steps):
                w, d = weights[t, b, s], d_contexts[t, b]
                if w != f32(0):
                    for m in range(len(d_value)):
                        d_value[m] += w * to_float32(d[m])
