"""One look at the memory for every row of a search: scores, weights and context in one pass, without gradients."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.compiled import array, f32, kernel, prange, tanh, wide
from regard.kernels.loops import Looking
from regard.kernels.parts import _softmax_and_sum
from regard.kernels.products import linear


def look(
    looking: Looking, query: Float[Tensor, "R Q"]
) -> tuple[Float[Tensor, "R S"], Float[Tensor, "R S"], Float[Tensor, "R M"]]:
    """Scores, minus infinity where not valid, weights and context of every query.

    R is the number of sentences or a whole multiple of it: the rows of a sentence stand together.
    """
    rows, places = len(query), looking.valid.shape[1]
    scores = torch.full((rows, places), -torch.inf)
    weights = torch.empty(rows, places)
    context = torch.empty(rows, looking.values.shape[-1])
    memory = [array(part.contiguous()) for part in (looking.keys, looking.values, looking.valid)]
    made = [array(part) for part in (scores, weights, context)]
    if looking.W is None or looking.v is None:
        _dot(array(query.contiguous()), *memory, looking.scale, *made)
    else:
        given = array(linear(query, looking.W, None))
        _additive(given, *memory, array(looking.v.contiguous()), looking.scale, *made)
    return scores, weights, context


@kernel
def _additive(query, keys, values, valid, v, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    places, size, rows = keys.shape[1], keys.shape[2], len(query) // max(len(keys), 1)
    for r in prange(len(query)):
        b = r // rows
        q, given, w = np.empty(size, np.float32), query[r], weights[r]
        for a in range(size):
            q[a] = wide(given[a])
        for s in range(places):
            k, total = keys[b, s], f32(0)
            if valid[b, s]:
                for a in range(size):
                    total += v[a] * tanh(q[a] + k[a])
            w[s] = total * f32(scale)
        e = scores[r]
        for s in range(places):
            if valid[b, s]:
                e[s] = w[s]
        _softmax_and_sum(w, valid[b], values[b], context[r])


@kernel
def _dot(query, keys, values, valid, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    places, size, rows = keys.shape[1], keys.shape[2], len(query) // max(len(keys), 1)
    for r in prange(len(query)):
        b = r // rows
        q, w = query[r], weights[r]
        for s in range(places):
            k, total = keys[b, s], f32(0)
            for a in range(size):
                total += wide(q[a]) * k[a]
            w[s] = total * f32(scale)
        e = scores[r]
        for s in range(places):
            if valid[b, s]:
                e[s] = w[s]
        _softmax_and_sum(w, valid[b], values[b], context[r])
