"""A whole step of a search, or a whole greedy search, as one kernel: for the few rows of a single sentence.

With so few rows a product takes as long as reading its weight, and starting two dozen operations takes as long as all
products: so one kernel embeds, moves, looks, combines and takes the logarithm of the softmax. Weights may be in 8
bits, every row by a scale of its own; what they are multiplied by stays float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from regard.kernels.compile import array, f32, inner, kernel, prange
from regard.kernels.decode.inputs import Best, Parts, Rows, Written
from regard.kernels.decode.output import Pages, Run, note
from regard.kernels.gemm.int8 import by_rows, in_few_bits, wide_enough
from regard.kernels.intrinsics import maximum, tanh, to_float32
from regard.kernels.ops.attention import additive_attention_rows, dot_attention_rows
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.lstm import lstm_forward
from regard.kernels.ops.topk import log_softmax_kernel, top, top_kernel


class Few:
    """The steps of a decoder with so few rows."""

    def __init__(self, parts: Parts) -> None:
        def laid(product: nn.Linear) -> tuple[Any, ...]:
            bias = torch.zeros(len(product.weight)) if product.bias is None else product.bias
            return *by_rows(product.weight, low), array(bias)

        products, looking = parts.products, parts.looking
        low = in_few_bits(1) and all(wide_enough(product.weight) for product in products)
        self._parts, self._gru = parts, parts.gru or None
        self._model = (
            array(parts.embedding.weight),
            tuple(laid(layer.project) for layer in parts.layers),
            tuple(laid(layer.recur) for layer in parts.layers),
            None if parts.feed is None else laid(parts.feed),
        )
        self._look = (
            None if looking.W is None else (*by_rows(looking.W, low), np.zeros(len(looking.W), np.float32)),
            None if looking.v is None else array(looking.v.contiguous()),
            looking.scale,
            *(array(part.contiguous()) for part in (looking.keys, looking.values, looking.valid)),
        )
        self._say = *(laid(product) for product in parts.combine), laid(parts.head)

    def __call__(self, rows: Rows) -> Written:
        """One token further."""
        made = self._parts.room(rows.states, len(self._parts.head.weight))
        step = self._step(rows, made)
        (_after if self._parts.after else _before)(*step)
        return made

    def best(self, rows: Rows, number: int, banned: Sequence[int]) -> tuple[Best, Written]:
        """The best tokens, as `kernels.best`."""
        made = self(rows)
        return top(made.log_probabilities, number, banned), made

    def greedily(self, rows: Rows, limits: Sequence[int], banned: Sequence[int], end: int) -> list[Run]:
        """Always the best token not banned, until a row's limit or `end`."""
        made = self._parts.room(rows.states, len(self._parts.head.weight))
        # all of these are written over in turn
        fed = torch.zeros_like(made.combined) if rows.fed is None else rows.fed.float().clone()
        own = replace(
            rows, tokens=rows.tokens.clone(), states=[state.clone() for state in rows.states], fed=fed
        )
        pages = Pages(limits, made.scores.shape[1], end)
        kernel = _greedily_after if self._parts.after else _greedily_before
        kernel(*self._step(own, made), np.array(sorted(banned), dtype=np.int64), *pages.inside)
        return pages.runs()

    def _step(self, rows: Rows, made: Written) -> tuple[Any, ...]:
        """All that the kernel of a step takes."""
        fed = rows.fed
        old, new = ([array(state.contiguous()) for state in some] for some in (rows.states, made.states))
        number = self._parts.of_state
        parts = (tuple(some[part::number]) for some in (old, new) for part in (0, number - 1))
        combined = array(made.combined)
        before = combined[:0] if fed is None else array(fed.float().contiguous())
        return (
            array(rows.tokens.contiguous()),
            array(rows.sentences),
            *self._model,
            *self._look,
            *self._say,
            self._gru,
            *parts,
            before,
            *(array(part) for part in (made.scores, made.weights, made.context)),
            combined,
            array(made.log_probabilities),
        )


@inner
def _after(  # type: ignore[no-untyped-def]
    tokens, which, table, enter, recur, feed, project, v, scale, keys, values, valid, combine, head, gru,
    hidden, cell, new_hidden, new_cell, fed, scores, weights, context, combined, log_probabilities,
):  # fmt: skip
    words = _embedded(tokens, table)
    below = words
    for layer in range(len(hidden)):
        gates = _times(enter[layer], below)
        if layer == 0 and feed is not None:
            _add(_times(feed, fed), gates)
        _move(gru, gates, recur[layer], hidden[layer], cell[layer], new_hidden[layer], new_cell[layer])
        below = new_hidden[layer]
    _look(below, which, project, v, scale, keys, values, valid, scores, weights, context)
    said = _times(combine, _beside(context, below))
    for r in range(len(said)):
        out, row = combined[r], said[r]
        for j in range(len(row)):
            out[j] = tanh(row[j])
    log_softmax_kernel(_times(head, combined), log_probabilities)


@inner
def _before(  # type: ignore[no-untyped-def]
    tokens, which, table, enter, recur, feed, project, v, scale, keys, values, valid, of_state, of_word, of_context,
    head, gru, hidden, cell, new_hidden, new_cell, fed, scores, weights, context, combined, log_probabilities,
):  # fmt: skip
    """`fed` is not used; it is there so that both kernels are called alike."""
    words = _embedded(tokens, table)
    _look(hidden[0], which, project, v, scale, keys, values, valid, scores, weights, context)
    gates = _times(enter[0], words)
    _add(_times(feed, context), gates)
    _move(gru, gates, recur[0], hidden[0], cell[0], new_hidden[0], new_cell[0])
    pairs = _times(of_state, new_hidden[0])
    _add(_times(of_word, words), pairs)
    _add(_times(of_context, context), pairs)
    for r in range(len(pairs)):
        out, row = combined[r], pairs[r]
        for j in range(len(out)):
            out[j] = maximum(row[2 * j], row[2 * j + 1])
    log_softmax_kernel(_times(head, combined), log_probabilities)


@inner
def _greedily_after(  # type: ignore[no-untyped-def]
    tokens, which, table, enter, recur, feed, project, v, scale, keys, values, valid, combine, head,
    gru, hidden, cell, new_hidden, new_cell, fed, scores, weights, context, combined, log_probabilities,
    banned, pages, limits, end, ids, gains, looks, lengths,
):  # fmt: skip
    going = True
    while going:
        _after(
            tokens, which, table, enter, recur, feed, project, v, scale, keys, values, valid, combine, head,
            gru, hidden, cell, new_hidden, new_cell, fed, scores, weights, context, combined, log_probabilities,
        )  # fmt: skip
        going = _choose(
            log_probabilities, weights, banned, tokens, pages, limits, end, ids, gains, looks, lengths
        )
        hidden, new_hidden, cell, new_cell = new_hidden, hidden, new_cell, cell
        fed, combined = combined, fed


@inner
def _greedily_before(  # type: ignore[no-untyped-def]
    tokens, which, table, enter, recur, feed, project, v, scale, keys, values, valid, of_state, of_word, of_context,
    head, gru, hidden, cell, new_hidden, new_cell, fed, scores, weights, context, combined, log_probabilities,
    banned, pages, limits, end, ids, gains, looks, lengths,
):  # fmt: skip
    going = True
    while going:
        _before(
            tokens, which, table, enter, recur, feed, project, v, scale, keys, values, valid, of_state, of_word,
            of_context, head, gru, hidden, cell, new_hidden, new_cell, fed, scores, weights, context, combined,
            log_probabilities,
        )  # fmt: skip
        going = _choose(
            log_probabilities, weights, banned, tokens, pages, limits, end, ids, gains, looks, lengths
        )
        hidden, new_hidden, cell, new_cell = new_hidden, hidden, new_cell, cell


@inner
def _choose(log_probabilities, weights, banned, tokens, pages, limits, end, ids, gains, looks, lengths):  # type: ignore[no-untyped-def]
    """Write the best token of every row that goes on; whether any still does."""
    rows = len(tokens)
    best, places, alive = (
        np.empty((rows, 1), np.float32),
        np.empty((rows, 1), np.int64),
        np.empty(rows, np.bool_),
    )
    top_kernel(log_probabilities, banned, best, places)
    for r in range(rows):
        tokens[r] = places[r, 0]
    return note(tokens, best[:, 0], weights, alive, pages, limits, end, ids, gains, looks, lengths)


@inner
def _embedded(tokens, table):  # type: ignore[no-untyped-def]
    words = np.empty((len(tokens), table.shape[1]), np.float32)
    for r in range(len(tokens)):
        _copy(table[tokens[r]], words[r])
    return words


@inner
def _beside(one, other):  # type: ignore[no-untyped-def]
    width = one.shape[1]
    both = np.empty((len(one), width + other.shape[1]), np.float32)
    for r in range(len(one)):
        _copy(one[r], both[r, :width])
        _copy(other[r], both[r, width:])
    return both


@inner
def _copy(given, made):  # type: ignore[no-untyped-def]
    for j in range(len(made)):
        made[j] = given[j]


@inner
def _add(more, total):  # type: ignore[no-untyped-def]
    for r in range(len(total)):
        for j in range(total.shape[1]):
            total[r, j] += more[r, j]


@inner
def _move(gru, gates, recur, hidden, cell, new_hidden, new_cell):  # type: ignore[no-untyped-def]
    products = _times(recur, hidden)
    alive = np.empty(len(hidden), np.bool_)
    for r in range(len(hidden)):
        alive[r] = True
    if gru is not None:  # decided while compiling
        gru_forward(gates, products, hidden, alive, None, new_hidden, new_hidden)
    else:
        lstm_forward(gates, products, hidden, cell, alive, None, new_hidden, new_cell, new_hidden)


@inner
def _look(query, which, project, v, scale, keys, values, valid, scores, weights, context):  # type: ignore[no-untyped-def]
    if project is None:
        dot_attention_rows(query, which, keys, values, valid, scale, scores, weights, context)
    else:
        additive_attention_rows(
            _times(project, query), which, keys, values, valid, v, scale, scores, weights, context
        )


@inner
def _times(weight, given):  # type: ignore[no-untyped-def]
    made = np.empty((len(given), len(weight[0])), np.float32)
    _multiply(weight[0], weight[1], weight[2], given, made)
    return made


@kernel
def _multiply(numbers, scales, bias, given, made):  # type: ignore[no-untyped-def]
    rows = len(given)
    if rows == 1:
        x = given[0]
        for j in prange(len(numbers)):
            w, total = numbers[j], f32(0)
            for i in range(len(w)):
                total += to_float32(w[i]) * x[i]
            made[0, j] = total * scales[j] + bias[j]
    else:  # a number is made a float32 once for all rows, of which there are four at most
        second, third, fourth = 1, min(2, rows - 1), min(3, rows - 1)
        x0, x1, x2, x3 = given[0], given[second], given[third], given[fourth]
        for j in prange(len(numbers)):
            w = numbers[j]
            t0, t1, t2, t3 = f32(0), f32(0), f32(0), f32(0)
            for i in range(len(w)):
                number = to_float32(w[i])
                t0 += number * x0[i]
                t1 += number * x1[i]
                t2 += number * x2[i]
                t3 += number * x3[i]
            scale, base = scales[j], bias[j]
            made[0, j] = t0 * scale + base
            made[second, j] = t1 * scale + base
            made[third, j] = t2 * scale + base
            made[fourth, j] = t3 * scale + base
