"""Attention in one pass: scores, weights and context of one query a row.

A kernel is a score, `additive_scores` or `dot_scores_row`, followed by `softmax_and_sum`; its backward undoes the two
in reverse order. `attend` is the whole without gradients, for a search; loops over target positions take the forward
and backward kernels step by step (`unroll.attention_stage`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.errors import ShapeError
from regard.kernels.compile import array, f32, inner, kernel
from regard.kernels.gemm.linear import linear
from regard.kernels.intrinsics import cast_like, exp, tanh, to_float32
from regard.kernels.ops.additive import additive_score_backward
from regard.kernels.shapes import expect_shape
from regard.kernels.threads import parallel_range

# In nats below the best score: 2e-22 of its weight. Products with much smaller weights come so close to the smallest
# normal float32 that CPUs take a hundred times as long for each.
NEGLIGIBLE = f32(-50)


@dataclass(frozen=True)
class AttentionInputs:
    """A memory, and the score: `v · tanh(W q + k)`, or `q · k` without W and v, times `scale`."""

    keys: Float[Tensor, "R S K"]
    values: Float[Tensor, "R S M"]
    valid: Bool[Tensor, "R S"]
    W: Float[Tensor, "K Q"] | None
    v: Float[Tensor, " K"] | None
    scale: float

    def check_shapes(self, query_size: int) -> None:
        """Raise ShapeError unless the memory and the score's weights fit each other and queries of this size."""
        batch, num_positions, key_size = self.keys.shape
        expect_shape("attention", "values", self.values, batch, num_positions, self.values.shape[-1])
        expect_shape("attention", "valid", self.valid, batch, num_positions)
        if self.W is not None and self.v is not None:
            expect_shape("attention", "W", self.W, key_size, query_size)
            expect_shape("attention", "v", self.v, key_size)
        elif query_size != key_size:
            raise ShapeError(f"attention: expected queries as wide as the keys, {key_size}, got {query_size}")


def attend(
    inputs: AttentionInputs, query: Float[Tensor, "R Q"]
) -> tuple[Float[Tensor, "R S"], Float[Tensor, "R S"], Float[Tensor, "R M"]]:
    """Return scores, minus infinity where not valid, weights and context of every query.

    R is the number of sentences or a multiple of it: the rows of a sentence are consecutive. Raises ShapeError.
    """
    inputs.check_shapes(query.shape[-1])
    (num_rows, _), (batch, num_positions) = query.shape, inputs.valid.shape
    if num_rows % max(batch, 1):
        raise ShapeError(f"attend: expected a multiple of {batch} queries, got {num_rows}")
    scores = torch.full((num_rows, num_positions), -torch.inf)
    weights = torch.empty(num_rows, num_positions)
    context = torch.empty(num_rows, inputs.values.shape[-1])
    memory = [array(part.contiguous()) for part in (inputs.keys, inputs.values, inputs.valid)]
    memory = [np.arange(batch), *memory]
    outputs = [array(part) for part in (scores, weights, context)]
    if inputs.W is None or inputs.v is None:
        dot_attention_rows(array(query.contiguous()), *memory, inputs.scale, *outputs)
    else:
        projected = array(linear(query, inputs.W, None))
        additive_attention_rows(projected, *memory, array(inputs.v.contiguous()), inputs.scale, *outputs)
    return scores, weights, context


@kernel
def additive_attention_rows(query, sentences, keys, values, valid, v, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    """Attend by the additive score, in inference, R = n · B rows at once, n consecutive ones a sentence:

        scores (R, S) = scale · v · tanh(query + keys), where valid;  others are left as they are
        weights (R, S) = softmax(scores) over valid positions;  context (R, M) = Σ_s weights_s values_s

    From query (R, K), v (K,), and a memory of N ≥ B sentences: keys (N, S, K), values (N, S, M), valid (N, S).
    `sentences` (B,) are the indices in the memory.
    """
    rows_each = len(query) // max(len(sentences), 1)
    for r in parallel_range(len(query)):
        b = sentences[r // rows_each]
        additive_scores(query[r], keys[b], valid[b], v, scale, weights[r])
        _copy_valid(weights[r], valid[b], scores[r])
        softmax_and_sum(weights[r], valid[b], values[b], context[r])


@kernel
def dot_attention_rows(query, sentences, keys, values, valid, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    """Attend as `additive_attention_rows`, by the score `scale · query · keys`."""
    rows_each = len(query) // max(len(sentences), 1)
    for r in parallel_range(len(query)):
        b = sentences[r // rows_each]
        dot_scores_row(query[r], keys[b], valid[b], scale, weights[r])
        _copy_valid(weights[r], valid[b], scores[r])
        softmax_and_sum(weights[r], valid[b], values[b], context[r])


@inner
def _copy_valid(source, valid, target):  # type: ignore[no-untyped-def]
    """target (S,) = source (S,) at valid (S,) positions; the others are left as they are."""
    for s in range(len(source)):
        if valid[s]:
            target[s] = source[s]


@kernel
def additive_attention_forward(query, keys, values, valid, v, scale, weights, context):  # type: ignore[no-untyped-def]
    """weights (B, S) = softmax(scale · v · tanh(query + keys)) where valid; context (B, M) = Σ_s weights_s values_s.

    From query (B, K), keys (B, S, K), values (B, S, M), valid (B, S), v (K,). `context` may have more columns.
    """
    for b in parallel_range(len(keys)):
        additive_scores(query[b], keys[b], valid[b], v, scale, weights[b])
        softmax_and_sum(weights[b], valid[b], values[b], context[b, : values.shape[2]])


@kernel
def additive_attention_backward(  # type: ignore[no-untyped-def]
    query, keys, values, valid, weights, d_context, d_weights, v, scale, saved_d_context, d_query, d_keys, d_v
):
    """Backward of `additive_attention_forward`, from d_context (B, M or more) and d_weights (B, S).

    Writes d_query (B, K); adds to d_keys (B, S, K) and to d_v (B, K), one row a sentence. `saved_d_context` (B, M)
    receives d_context, from which `add_value_gradients` forms the gradient of the values after the last step.
    """
    num_positions, size = keys.shape[1], keys.shape[2]
    d_scores, q = np.empty(num_positions, np.float32), np.empty(size, np.float32)
    dq, y = np.empty(size, np.float32), np.empty(size, np.float32)
    for b in parallel_range(len(keys)):
        _softmax_and_sum_backward(
            weights[b], values[b], d_context[b, : values.shape[2]], d_weights[b], d_scores, saved_d_context[b]
        )
        dv, row = d_v[b], query[b]
        for a in range(size):
            q[a] = to_float32(row[a])
        for a in range(size):
            dq[a] = f32(0)
        # forward: score_s = scale · v · tanh(q + k_s)
        for s in range(num_positions):
            d, k, dk = d_scores[s] * f32(scale), keys[b, s], d_keys[b, s]
            if valid[b, s]:
                additive_score_backward(q, k, v, d, y, dq, dk, dv)
        out = d_query[b]
        for a in range(size):
            out[a] = cast_like(out, dq[a])


@kernel
def dot_attention_forward(query, keys, values, valid, scale, weights, context):  # type: ignore[no-untyped-def]
    """weights (B, S) = softmax(scale · query · keys) where valid; context (B, M) = Σ_s weights_s values_s.

    From query (B, K), keys (B, S, K), values (B, S, M), valid (B, S). `context` may have more columns.
    """
    for b in parallel_range(len(keys)):
        dot_scores_row(query[b], keys[b], valid[b], scale, weights[b])
        softmax_and_sum(weights[b], valid[b], values[b], context[b, : values.shape[2]])


@kernel
def dot_attention_backward(  # type: ignore[no-untyped-def]
    query, keys, values, valid, weights, d_context, d_weights, scale, saved_d_context, d_query, d_keys
):
    """Backward of `dot_attention_forward`, with the arguments of `additive_attention_backward` but v and d_v."""
    num_positions, size = keys.shape[1], keys.shape[2]
    d_scores, dq = np.empty(num_positions, np.float32), np.empty(size, np.float32)
    for b in parallel_range(len(keys)):
        _softmax_and_sum_backward(
            weights[b], values[b], d_context[b, : values.shape[2]], d_weights[b], d_scores, saved_d_context[b]
        )
        q, out = query[b], d_query[b]
        for a in range(size):
            dq[a] = f32(0)
        # forward: score_s = scale · Σ_a q_a k_sa
        for s in range(num_positions):
            d, k, dk = d_scores[s] * f32(scale), keys[b, s], d_keys[b, s]
            if d != f32(0):
                _dot_score_backward(q, k, d, dq, dk)
        for a in range(size):
            out[a] = cast_like(out, dq[a])


@inner
def additive_scores(query, keys, valid, v, scale, scores):  # type: ignore[no-untyped-def]
    """scores (S,) = scale · Σ_a v_a tanh(q_a + k_sa) if valid (S,) else 0; query (K,), keys (S, K), v (K,)."""
    q = np.empty(len(query), np.float32)
    for a in range(len(q)):
        q[a] = to_float32(query[a])
    for s in range(len(keys)):
        k, score = keys[s], f32(0)
        if valid[s]:
            for a in range(len(q)):
                score += v[a] * tanh(q[a] + to_float32(k[a]))
        scores[s] = score * f32(scale)


@inner
def dot_scores_row(query, keys, valid, scale, scores):  # type: ignore[no-untyped-def]
    """scores (S,) = scale · Σ_a q_a k_sa if valid (S,) else 0; query (K,), keys (S, K)."""
    for s in range(len(keys)):
        k, score = keys[s], f32(0)
        if valid[s]:
            for a in range(len(k)):
                score += to_float32(query[a]) * to_float32(k[a])
        scores[s] = score * f32(scale)


@inner
def _dot_score_backward(q, k, d, dq, dk):  # type: ignore[no-untyped-def]
    """Add to dq, dk (K,) what `d`, the gradient of `Σ_a q_a k_a`, contributes; q, k (K,)."""
    for a in range(len(dq)):
        dq[a] += d * to_float32(k[a])
    for a in range(len(dk)):
        dk[a] += d * to_float32(q[a])


@inner
def softmax_and_sum(scores, valid, values, context):  # type: ignore[no-untyped-def]
    """scores (S,) = w = softmax(scores) over valid (S,) positions;  context (M,) = Σ_s w_s values_s (S, M).

    The weights overwrite the scores. A weight is 0 where not valid or where its score is negligible; all are 0 if no
    position is valid.
    """
    largest, total = f32(-3.0e38), f32(0)
    for s in range(len(scores)):
        if valid[s]:
            largest = max(largest, scores[s])
    for s in range(len(scores)):
        below = scores[s] - largest
        scores[s] = exp(below) if valid[s] and not below < NEGLIGIBLE else f32(0)
        total += scores[s]
    scale = f32(1) / total if total > f32(0) else f32(0)
    weighted_sum = np.empty(values.shape[1], np.float32)
    for m in range(len(weighted_sum)):
        weighted_sum[m] = f32(0)
    for s in range(len(scores)):
        scores[s] *= scale
        w, value = scores[s], values[s]
        if w != f32(0):
            for m in range(len(weighted_sum)):
                weighted_sum[m] += w * to_float32(value[m])
    for m in range(len(weighted_sum)):
        context[m] = cast_like(context, weighted_sum[m])


@inner
def _softmax_and_sum_backward(weights, values, d_context, d_weights, d_scores, saved_d_context):  # type: ignore[no-untyped-def]
    """Backward of `softmax_and_sum`: from d_context (M,) and d_weights (S,) to d_scores (S,).

    With weights (S,) and values (S, M); saved_d_context (M,) = d_context.
    """
    mean = f32(0)
    d = np.empty(values.shape[1], np.float32)
    for m in range(len(d)):
        d[m] = to_float32(d_context[m])
    for m in range(len(d)):
        saved_d_context[m] = cast_like(saved_d_context, d[m])
    # forward: context = Σ_s w_s values_s
    for s in range(len(weights)):
        w, value, d_weight = weights[s], values[s], d_weights[s]
        d_scores[s] = f32(0)
        if w == f32(0):
            continue
        for m in range(len(d)):
            d_weight += d[m] * to_float32(value[m])
        d_scores[s] = d_weight
        mean += w * d_weight
    # forward: w = softmax(scores), so d_score_s = w_s (d_w_s − Σ_u w_u d_w_u)
    for s in range(len(weights)):
        d_scores[s] = weights[s] * (d_scores[s] - mean)


@kernel
def add_value_gradients(weights, d_contexts, d_values):  # type: ignore[no-untyped-def]
    """d_values (B, S, M) += Σ_t weights (T, B, S) · d_contexts (T, B, M): all steps at once.

    Forward, at every step t: `context_t = Σ_s w_ts values_s`.
    """
    num_steps, batch, num_positions = weights.shape
    for b in parallel_range(batch):
        for s in range(num_positions):
            d_value = d_values[b, s]
            for t in range(num_steps):
                w, d = weights[t, b, s], d_contexts[t, b]
                if w != f32(0):
                    for m in range(len(d_value)):
                        d_value[m] += w * to_float32(d[m])
