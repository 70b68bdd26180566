"""One look at the memory for every row of a search: scores, weights and context in one pass, without gradients."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels.compiled import array, inner, kernel, prange
from regard.kernels.loops import AttentionInputs
from regard.kernels.parts import additive_scores, dot_product_scores, softmax_and_sum
from regard.kernels.products import linear


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
        _dot(array(query.contiguous()), *memory, looking.scale, *made)
    else:
        given = array(linear(query, looking.W, None))
        _additive(given, *memory, array(looking.v.contiguous()), looking.scale, *made)
    return scores, weights, context


@kernel
def _additive(query, which, keys, values, valid, v, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    """`which` sentence of the memory every so many rows look at."""
    rows = len(query) // max(len(which), 1)
    for r in prange(len(query)):
        b = which[r // rows]
        additive_scores(query[r], keys[b], valid[b], v, scale, weights[r])
        _keep(weights[r], valid[b], scores[r])
        softmax_and_sum(weights[r], valid[b], values[b], context[r])


@kernel
def _dot(query, which, keys, values, valid, scale, scores, weights, context):  # type: ignore[no-untyped-def]
    """As `_additive`."""
    rows = len(query) // max(len(which), 1)
    for r in prange(len(query)):
        b = which[r // rows]
        dot_product_scores(query[r], keys[b], valid[b], scale, weights[r])
        _keep(weights[r], valid[b], scores[r])
        softmax_and_sum(weights[r], valid[b], values[b], context[r])


@inner
def _keep(given, valid, scores):  # type: ignore[no-untyped-def]
    """The scores of valid places; the others stay as they are, minus infinity."""
    for s in range(len(given)):
        if valid[s]:
            scores[s] = given[s]
