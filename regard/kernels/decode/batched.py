"""A step of a search for many rows: a handful of large products by packed weights, and a kernel between any two.

What enters a product stands side by side, in the numbers that it is taken in, so that one product serves word and
what is fed; nothing is cast or copied twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from regard.kernels.compile import array, kernel, prange
from regard.kernels.decode.inputs import Best, Parts, Rows, Written
from regard.kernels.decode.output import Pages
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.intrinsics import cast_like, maximum, sigmoid, tanh, to_float32
from regard.kernels.ops.attention import additive_attention_rows, dot_attention_rows
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.topk import best, log_softmax

MOST_ALIVE = 0.9  # of the rows of a greedy search, for those that have ended to leave it
MOST_BESIDE = 3  # inputs of one product


class Many:
    """The steps of a decoder with so many rows, in the type that products are taken in now."""

    def __init__(self, parts: Parts) -> None:
        self._dtype, self._parts = autocast_dtype(parts.head.weight), parts

        def laid(*products: nn.Linear | None) -> PackedWeight:
            given = [product for product in products if product is not None]
            biases = [product.bias.detach() for product in given if product.bias is not None]
            bias = torch.stack(biases).sum(0) if biases else None
            return PackedWeight([product.weight for product in given], bias, self._dtype)

        looking = parts.looking
        feeds = [parts.feed, *(None for _ in parts.layers[1:])]
        # a GRU's reset gate stands between its two products; an LSTM's are one
        self._recur = [laid(layer.recur) if parts.gru else None for layer in parts.layers]
        self._enter = [
            laid(layer.project, feed, None if parts.gru else layer.recur)
            for layer, feed in zip(parts.layers, feeds, strict=True)
        ]
        self._query = None if looking.W is None else PackedWeight([looking.W], None, self._dtype)
        self._combine, self._head = laid(*parts.combine), laid(parts.head)
        self._table = array(parts.embedding.weight)
        self._memory = [array(part.contiguous()) for part in (looking.keys, looking.values, looking.valid)]
        self._score = [*([] if looking.v is None else [array(looking.v.contiguous())]), looking.scale]

    def __call__(self, rows: Rows) -> Written:
        """One token further."""
        logits, made = self._step(rows)
        return replace(made, log_probabilities=log_softmax(logits))

    def best(self, rows: Rows, number: int, banned: Sequence[int]) -> tuple[Best, Written]:
        """The best tokens only, as `kernels.best`."""
        logits, made = self._step(rows)
        return best(logits, number, banned), made

    def greedily(self, rows: Rows, pages: Pages, banned: Sequence[int], least: int) -> Rows:
        """Write the best tokens, step after step, until no more than `least` rows go on: these."""
        while len(rows.tokens) > least:
            logits, made = self._step(rows)
            gains, tokens = (part[:, 0] for part in best(logits, 1, banned))
            alive = pages.write(tokens, gains, made.weights)
            fed = None if rows.fed is None else made.combined
            rows = replace(rows, tokens=tokens, states=made.states, fed=fed)
            if np.count_nonzero(alive) <= MOST_ALIVE * len(alive):
                rows = pages.select(rows, alive)
        return rows

    def _step(self, rows: Rows) -> tuple[Tensor, Written]:
        """The logits, and all else."""
        made, words = self._parts.room(rows.states), self._room(len(rows.tokens), self._table.shape[1])
        _embed(array(rows.tokens.contiguous()), self._table, array(words))
        if self._parts.after:
            below = self._layers([words, rows.fed], rows.states, made)
            self._look(below, rows, made)
            combined = self._combine.forwards(self._beside(made.context, below), then="tanh")
        else:
            self._look(self._beside(rows.states[0]), rows, made)
            below = self._layers([words, made.context], rows.states, made)
            pairs = self._combine.forwards(self._beside(below, words, made.context))
            combined = pairs.new_empty(pairs.shape[0], pairs.shape[1] // 2)
            _larger_of_pairs(array(pairs), array(combined))
        return self._head.forwards(combined), replace(made, combined=combined)

    def _layers(self, entering: Sequence[Tensor | None], states: Sequence[Tensor], made: Written) -> Tensor:
        """Move all layers; the new hidden state of the top one, as products read it."""
        parts = self._parts.of_state
        for layer, enter in enumerate(self._enter):
            old = [state.contiguous() for state in states[layer * parts : (layer + 1) * parts]]
            new = made.states[layer * parts : (layer + 1) * parts]
            recur, moved = self._recur[layer], self._room(*new[0].shape)
            if recur is None:
                gates = enter.forwards(self._beside(*entering, old[0]))
                _move(*map(array, (gates, old[1], *new, moved)))
            else:
                given = enter.forwards(self._beside(*entering)), recur.forwards(self._beside(old[0]))
                alive = torch.ones(len(old[0]), dtype=torch.bool)
                gru_forward(*map(array, (*given, old[0], alive)), None, *map(array, (*new, moved)))
            entering = [moved]
        return moved

    def _look(self, query: Tensor, rows: Rows, made: Written) -> None:
        asked = query if self._query is None else self._query.forwards(query)
        out = (array(part) for part in (made.scores, made.weights, made.context))
        (dot_attention_rows if self._parts.looking.v is None else additive_attention_rows)(
            array(asked), array(rows.sentences), *self._memory, *self._score, *out
        )

    def _beside(self, *given: Tensor | None) -> Tensor:
        """Side by side, in the numbers of products."""
        parts = [part for part in given if part is not None]
        if len(parts) == 1 and parts[0].dtype == self._dtype:
            return parts[0]
        arrays = [array(part.contiguous()) for part in parts]
        both = self._room(len(arrays[0]), sum(part.shape[1] for part in arrays))
        _beside(*arrays, *[arrays[0][:, :0]] * (MOST_BESIDE - len(arrays)), array(both))
        return both

    def _room(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self._dtype)


@kernel
def _embed(tokens, table, made):  # type: ignore[no-untyped-def]
    for r in prange(len(tokens)):
        row, out = table[tokens[r]], made[r]
        for j in range(len(row)):
            out[j] = cast_like(out, row[j])


@kernel
def _beside(one, other, third, made):  # type: ignore[no-untyped-def]
    first, second = one.shape[1], one.shape[1] + other.shape[1]
    for r in prange(len(made)):
        row, out = one[r], made[r, :first]
        for j in range(len(out)):
            out[j] = cast_like(out, to_float32(row[j]))
        row_of_other, out = other[r], made[r, first:second]
        for j in range(len(out)):
            out[j] = cast_like(out, to_float32(row_of_other[j]))
        row_of_third, out = third[r], made[r, second:]
        for j in range(len(out)):
            out[j] = cast_like(out, to_float32(row_of_third[j]))


@kernel
def _move(gates, cell, new_hidden, new_cell, read):  # type: ignore[no-untyped-def]
    """An LSTM's state, from the sum of its products; `read` is the hidden one as products read it."""
    size = cell.shape[1]
    for r in prange(len(gates)):
        x, old, c, h, low = gates[r], cell[r], new_cell[r], new_hidden[r], read[r]
        enter, forget, new, leave = x[:size], x[size : 2 * size], x[2 * size : 3 * size], x[3 * size :]
        for j in range(size):
            c[j] = sigmoid(to_float32(forget[j])) * old[j] + sigmoid(to_float32(enter[j])) * tanh(
                to_float32(new[j])
            )
        for j in range(size):
            h[j] = sigmoid(to_float32(leave[j])) * tanh(c[j])
        for j in range(size):
            low[j] = cast_like(low, h[j])


@kernel
def _larger_of_pairs(pairs, made):  # type: ignore[no-untyped-def]
    for r in prange(len(pairs)):
        row, out = pairs[r], made[r]
        for j in range(len(out)):
            out[j] = cast_like(out, maximum(to_float32(row[2 * j]), to_float32(row[2 * j + 1])))
