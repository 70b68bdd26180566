"""Looks at a memory: scores, softmax and weighted sum at every step of a loop, forwards and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.kernels.additive import add_gradients
from regard.kernels.compiled import cast_like, exp, f32, inner, kernel, prange, tanh, to_float32
from regard.kernels.operations import operations

# nats below the best score, 2e-22 of its weight: products with much less come so near to float32's least number that
# CPUs take a hundred times as long for each
NEGLIGIBLE = f32(-50)


class Look:
    """Scores, softmax over the places that are valid, and the weighted sum: attention from query to context.

    The score is `v · tanh(q + k)`, or `scale · q · k` without v. `weights` (T, R, S); the temperature divides scores.
    Keys and values are read at every step, in the numbers of products.
    """

    def __init__(
        self,
        keys: Tensor,
        values: Tensor,
        valid: Tensor,
        v: Tensor | None,
        scale: float,
        steps: int,
        dtype: torch.dtype,
    ) -> None:
        on = operations(keys)
        self._take, self._steps, self._dtype = on.take, on.steps, dtype
        self._forth, self._back_over = map(
            on.of, (_look_dot, _look_dot_back) if v is None else (_look_additive, _look_additive_back)
        )
        self._values_back = on.of(_add_values_back)
        self.weights = torch.empty(steps, *valid.shape, device=keys.device)
        self._made = on.steps(self.weights)
        memory = keys.to(dtype), values.to(dtype), valid
        self._memory = [on.take(tensor.contiguous()) for tensor in memory]
        self._score = (scale,) if v is None else (on.take(v.contiguous()), scale)
        self._keys, self._values, self._v = keys, values, v

    def __call__(self, t: int, query: Any, context: Any) -> None:
        """Write the context of a query (R, K) into the first M columns; both as loops take them."""
        self._forth(query, *self._memory, *self._score, self._made[t], context)

    def begin_back(self, d_weights: Tensor | None) -> None:
        """Get ready to go back, from the gradients of the weights."""
        new, take = self.weights.new_zeros, self._take
        self.d_keys = new(self._keys.shape)
        self._grads = [take(self.d_keys)]
        steps, rows, _ = self.weights.shape
        self._d_contexts = self.weights.new_empty(steps, rows, self._values.shape[-1], dtype=self._dtype)
        self._kept = self._steps(self._d_contexts)
        self._wanted = (
            [take(torch.zeros_like(self.weights[0]))] * len(self.weights)
            if d_weights is None
            else self._steps(d_weights.contiguous())
        )
        if self._v is not None:
            self.d_v = new(len(self._keys), len(self._v))
            self._grads.append(take(self.d_v))

    def back(self, t: int, query: Any, d_context: Any, d_query: Any) -> None:
        """Write the gradient of the query of a step, from that of the context in the first M columns."""
        given = query, *self._memory, self._made[t], d_context, self._wanted[t]
        self._back_over(*given, *self._score, self._kept[t], d_query, *self._grads)

    def d_values(self) -> Tensor:
        """The gradient of the values, from all steps."""
        made = torch.zeros_like(self._values, memory_format=torch.contiguous_format)
        self._values_back(*map(self._take, (self.weights, self._d_contexts, made)))
        return made


@kernel
def _look_additive(query, keys, values, valid, v, scale, weights, context):  # type: ignore[no-untyped-def]
    for b in prange(len(keys)):
        additive_scores(query[b], keys[b], valid[b], v, scale, weights[b])
        softmax_and_sum(weights[b], valid[b], values[b], context[b, : values.shape[2]])


@kernel
def _look_dot(query, keys, values, valid, scale, weights, context):  # type: ignore[no-untyped-def]
    for b in prange(len(keys)):
        dot_product_scores(query[b], keys[b], valid[b], scale, weights[b])
        softmax_and_sum(weights[b], valid[b], values[b], context[b, : values.shape[2]])


@kernel
def _look_additive_back(  # type: ignore[no-untyped-def]
    query, keys, values, valid, weights, d_context, d_weights, v, scale, kept, d_query, d_keys, d_v
):
    """`kept` takes the gradient of the context, from which that of the values is made in the end."""
    places, size = keys.shape[1], keys.shape[2]
    for b in prange(len(keys)):
        d_scores = np.empty(places, np.float32)
        _softmax_and_sum_back(
            weights[b], values[b], d_context[b, : values.shape[2]], d_weights[b], d_scores, kept[b]
        )
        q, dq, y, dv = (
            np.empty(size, np.float32),
            np.zeros(size, np.float32),
            np.empty(size, np.float32),
            d_v[b],
        )
        given = query[b]
        for a in range(size):
            q[a] = to_float32(given[a])
        for s in range(places):
            d, k, dk = d_scores[s] * f32(scale), keys[b, s], d_keys[b, s]
            if valid[b, s]:
                add_gradients(q, k, v, d, y, dq, dk, dv)
        out = d_query[b]
        for a in range(size):
            out[a] = cast_like(out, dq[a])


@kernel
def _look_dot_back(  # type: ignore[no-untyped-def]
    query, keys, values, valid, weights, d_context, d_weights, scale, kept, d_query, d_keys
):
    places, size = keys.shape[1], keys.shape[2]
    for b in prange(len(keys)):
        d_scores = np.empty(places, np.float32)
        _softmax_and_sum_back(
            weights[b], values[b], d_context[b, : values.shape[2]], d_weights[b], d_scores, kept[b]
        )
        q, dq, out = query[b], np.zeros(size, np.float32), d_query[b]
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
def dot_product_scores(query, keys, valid, scale, scores):  # type: ignore[no-untyped-def]
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
    summed = np.zeros(values.shape[1], np.float32)
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
def _add_values_back(weights, d_contexts, d_values):  # type: ignore[no-untyped-def]
    """Add what all steps' contexts (T, B, M) want of the values (B, S, M) that they are sums of, by their weights."""
    steps, sentences, places = weights.shape
    for b in prange(sentences):
        for s in range(places):
            d_value = d_values[b, s]
            for t in range(steps):
                w, d = weights[t, b, s], d_contexts[t, b]
                if w != f32(0):
                    for m in range(len(d_value)):
                        d_value[m] += w * to_float32(d[m])
