"""A whole step of a search, or a whole greedy search, as one call: for the few rows of a single sentence.

With so few rows a product takes as long as reading its weight, and starting two dozen operations takes as long as all
products. So one compiled function embeds, moves the cells, attends, combines and takes the logarithm of the softmax,
by kernels that it calls by address (`pointers`). Weights may be in 8 bits with a scale for every row; inputs stay
float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regard.errors import ShapeError
from regard.kernels.compile import array, f32, inner, kernel
from regard.kernels.decode.inputs import BestTokens, DecoderWeights, StepInput, StepOutput
from regard.kernels.decode.output import DecodedRow, OutputBuffer, append
from regard.kernels.gemm.int8 import gains_from_int8, rows_and_scales, runs_in_int8
from regard.kernels.intrinsics import maximum, tanh, to_float32
from regard.kernels.ops.attention import additive_attention_rows, dot_attention_rows
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.lstm import lstm_forward
from regard.kernels.ops.topk import argmax, log_softmax_kernel, top
from regard.kernels.pointers import KernelPointer, call
from regard.kernels.threads import parallel_range

MAX_ROWS = 4  # of a small batch: more are faster by larger products


class LinearArrays(NamedTuple):
    """A linear layer as `multiply_rows` takes it: rows as float32 or in 8 bits, their scales, a bias."""

    rows: NDArray[Any]
    scales: NDArray[np.float32]
    bias: NDArray[np.float32]


class StepKernels(NamedTuple):
    """Pointers to the kernels of a step."""

    multiply: KernelPointer
    cell: KernelPointer
    attend: KernelPointer
    log_softmax: KernelPointer


class StepWeights(NamedTuple):
    """The weights of a decoder. `query` and `feed` are None where there is no such product."""

    embedding: NDArray[np.float32]
    project: tuple[LinearArrays, ...]
    recur: tuple[LinearArrays, ...]
    feed: LinearArrays | None
    query: LinearArrays | None
    combine: tuple[LinearArrays, ...]
    head: LinearArrays


class StepMemory(NamedTuple):
    """The memory; `score` are v and the scale of an additive score, the scale alone of others."""

    sentences: NDArray[np.int64]
    arrays: tuple[NDArray[Any], ...]
    score: tuple[Any, ...]


class StepBuffers(NamedTuple):
    """The buffers that a step writes to."""

    words: NDArray[np.float32]
    gates: NDArray[np.float32]
    products: NDArray[np.float32]
    query: NDArray[np.float32]
    combine: NDArray[np.float32]
    alive: NDArray[np.bool_]
    scores: NDArray[np.float32]
    weights: NDArray[np.float32]
    context: NDArray[np.float32]
    logits: NDArray[np.float32]
    log_probabilities: NDArray[np.float32]


States = tuple[tuple[NDArray[np.float32], ...], ...]  # of each layer: hidden state, and the cell of an LSTM


class SmallBatch:
    """The steps of a decoder with at most `MAX_ROWS` rows."""

    def __init__(self, weights: DecoderWeights) -> None:
        self._weights = weights
        quantized = runs_in_int8(1) and all(gains_from_int8(product.weight) for product in weights.products)

        def packed(product: nn.Linear) -> LinearArrays:
            return _packed(product.weight, product.bias, quantized)

        attention, layers = weights.attention, weights.layers
        query = None if attention.W is None else _packed(attention.W, None, quantized)
        self._model = StepWeights(
            embedding=array(weights.embedding.weight),
            project=tuple(packed(layer.project) for layer in layers),
            recur=tuple(packed(layer.recur) for layer in layers),
            feed=None if weights.feed is None else packed(weights.feed),
            query=query,
            combine=tuple(packed(product) for product in weights.combine),
            head=packed(weights.head),
        )
        self._memory = tuple(
            array(part.contiguous()) for part in (attention.keys, attention.values, attention.valid)
        )
        v = () if attention.v is None else (array(attention.v.contiguous()),)
        self._score = (*v, float(attention.scale))
        self._kernels: StepKernels | None = None

    def __call__(self, rows: StepInput) -> StepOutput:
        """Decode one token further."""
        output = self._weights.output_buffers(rows.states, len(self._model.head.rows))
        (_attend_first_step if self._weights.attend_first else _attend_last_step)(
            *self._arguments(rows, output)
        )
        return output

    def best(self, rows: StepInput, num_best: int, banned: Sequence[int]) -> tuple[BestTokens, StepOutput]:
        """Decode one token further, and return the best tokens as `kernels.best` does."""
        output = self(rows)
        return top(output.log_probabilities, num_best, banned), output

    def greedy(
        self, rows: StepInput, limits: Sequence[int], banned: Sequence[int], end: int
    ) -> list[DecodedRow]:
        """Decode the best token that is not banned at every step, until a row's limit or `end`."""
        output = self._weights.output_buffers(rows.states, len(self._model.head.rows))
        fed = torch.zeros_like(output.combined) if rows.fed is None else rows.fed.float().clone()
        own = StepInput(rows.tokens.clone(), [state.clone() for state in rows.states], fed, rows.sentences)
        arguments = self._arguments(own, output)  # tokens, states and `fed` are overwritten at every step
        buffer = OutputBuffer(limits, output.scores.shape[1], end)
        ids, best = np.empty(len(rows.tokens), np.int64), np.empty(len(rows.tokens), np.float32)
        added = ids, best, arguments[-1].weights, arguments[-1].alive, *buffer.arrays
        search = _attend_first_search if self._weights.attend_first else _attend_last_search
        search(*arguments, KernelPointer(append, added), np.array(sorted(banned), dtype=np.int64), added)
        return buffer.decoded()

    def _arguments(self, rows: StepInput, output: StepOutput) -> tuple[Any, ...]:
        """Return the arguments of a compiled step. Raises ShapeError."""
        num_rows, model = len(rows.tokens), self._model
        if num_rows > MAX_ROWS:
            raise ShapeError(f"SmallBatch: expected at most {MAX_ROWS} rows, got {num_rows}; use LargeBatch")
        self._weights.check_shapes(rows)
        old, new = self._by_layer(rows.states), self._by_layer(output.states)
        combined = array(output.combined)
        fed = combined[:0] if rows.fed is None else array(rows.fed.float().contiguous())
        memory = StepMemory(array(rows.sentences), self._memory, self._score)

        def buffer(width: int) -> NDArray[np.float32]:
            return np.empty((num_rows, width), np.float32)

        buffers = StepBuffers(
            words=buffer(model.embedding.shape[1]),
            gates=buffer(len(model.project[0].rows)),
            products=buffer(len(model.recur[0].rows)),
            query=buffer(0 if model.query is None else len(model.query.rows)),
            combine=buffer(
                model.combine[0].rows.shape[1] if len(model.combine) == 1 else 2 * combined.shape[1]
            ),
            alive=np.ones(num_rows, np.bool_),
            scores=array(output.scores),
            weights=array(output.weights),
            context=array(output.context),
            logits=buffer(len(model.head.rows)),
            log_probabilities=array(output.log_probabilities),
        )
        kernels = self._kernels = self._kernels or self._compiled(old, new, memory, buffers)
        return kernels, model, memory, array(rows.tokens.contiguous()), old, new, fed, combined, buffers

    def _by_layer(self, states: Sequence[Tensor]) -> States:
        num_parts = self._weights.num_parts
        arrays = [array(state.contiguous()) for state in states]
        return tuple(tuple(arrays[i : i + num_parts]) for i in range(0, len(arrays), num_parts))

    def _compiled(self, old: States, new: States, memory: StepMemory, buffers: StepBuffers) -> StepKernels:
        """Return pointers to the kernels, compiled for the types of these arguments."""
        query = old[0][0]
        cell = (buffers.gates, buffers.products, *old[0], buffers.alive, None, *new[0], new[0][0])
        attention = (memory.sentences, *memory.arrays, *memory.score, buffers.scores, buffers.weights)
        return StepKernels(
            multiply=KernelPointer(multiply_rows, (*self._model.head, query, False, buffers.logits)),
            cell=KernelPointer(gru_forward if self._weights.is_gru else lstm_forward, cell),
            attend=KernelPointer(
                dot_attention_rows if len(memory.score) == 1 else additive_attention_rows,
                (query, *attention, buffers.context),
            ),
            log_softmax=KernelPointer(log_softmax_kernel, (buffers.logits, buffers.log_probabilities)),
        )


def _packed(weight: Tensor, bias: Tensor | None, quantized: bool) -> LinearArrays:
    bias = torch.zeros(len(weight)) if bias is None else bias.contiguous()
    return LinearArrays(*rows_and_scales(weight, quantized), array(bias))


@inner
def _embed(embedding, tokens, words):  # type: ignore[no-untyped-def]
    """words (R, E) = the rows of embedding (V, E) for tokens (R,)."""
    for r in range(len(tokens)):
        row = embedding[tokens[r]]
        for j in range(len(row)):
            words[r, j] = row[j]


@inner
def _multiply(pointer, layer, input, add, output):  # type: ignore[no-untyped-def]
    """output (R, O) = W input (R, I) + b, with `add` onto what is there."""
    call(pointer, layer.rows, layer.scales, layer.bias, input, add, output)


@inner
def _add_fed(pointer, layer, fed, gates):  # type: ignore[no-untyped-def]
    """gates (R, G) += W fed (R, C), with input feeding."""
    if layer is not None:
        _multiply(pointer, layer, fed, True, gates)


@inner
def _project_query(pointer, layer, state, query):  # type: ignore[no-untyped-def]
    """Return query (R, K) = W state (R, H), or the state itself if the score has no W."""
    if layer is not None:
        _multiply(pointer, layer, state, False, query)
        return query
    return state


@inner
def _step_cell(kernels, layer, old, new, buffers):  # type: ignore[no-untyped-def]
    """Step a cell whose product with its input is in `buffers.gates`."""
    _multiply(kernels.multiply, layer, old[0], False, buffers.products)
    call(kernels.cell, buffers.gates, buffers.products, *old, buffers.alive, None, *new, new[0])


@inner
def _attend(kernels, model, memory, state, buffers):  # type: ignore[no-untyped-def]
    """Attend with state (R, H); scores, weights (R, S) and context (R, M) are buffers."""
    query = _project_query(kernels.multiply, model.query, state, buffers.query)
    outputs = buffers.scores, buffers.weights, buffers.context
    call(kernels.attend, query, memory.sentences, *memory.arrays, *memory.score, *outputs)


@inner
def _attend_last(  # type: ignore[no-untyped-def]
    kernels, model, memory, tokens, old, new, fed, combined, buffers
):
    """Take a step of Luong's decoder, which attends with the new state:

    h = cells([E[token]; fed (R, C)], old states);  c = attend(h);  combined (R, C) = tanh(W [c; h])
    """
    _embed(model.embedding, tokens, buffers.words)
    below = buffers.words
    for layer in range(len(old)):
        _multiply(kernels.multiply, model.project[layer], below, False, buffers.gates)
        if layer == 0:
            _add_fed(kernels.multiply, model.feed, fed, buffers.gates)
        _step_cell(kernels, model.recur[layer], old[layer], new[layer], buffers)
        below = new[layer][0]
    _attend(kernels, model, memory, below, buffers)
    width = buffers.context.shape[1]
    for r in range(len(below)):
        for j in range(width):
            buffers.combine[r, j] = buffers.context[r, j]
        for j in range(below.shape[1]):
            buffers.combine[r, width + j] = below[r, j]
    _multiply(kernels.multiply, model.combine[0], buffers.combine, False, combined)
    for r in range(len(combined)):
        for j in range(combined.shape[1]):
            combined[r, j] = tanh(combined[r, j])
    _multiply(kernels.multiply, model.head, combined, False, buffers.logits)
    call(kernels.log_softmax, buffers.logits, buffers.log_probabilities)


@inner
def _attend_first(  # type: ignore[no-untyped-def]
    kernels, model, memory, tokens, old, new, fed, combined, buffers
):
    """Take a step of Bahdanau's decoder, which attends with the old state:

    c = attend(old state);  h = cell([E[token]; c], old state);  combined (R, C) = maxout(W h + U E[token] + V c)
    """
    _embed(model.embedding, tokens, buffers.words)
    _attend(kernels, model, memory, old[0][0], buffers)
    _multiply(kernels.multiply, model.project[0], buffers.words, False, buffers.gates)
    _multiply(kernels.multiply, model.feed, buffers.context, True, buffers.gates)
    _step_cell(kernels, model.recur[0], old[0], new[0], buffers)
    _multiply(kernels.multiply, model.combine[0], new[0][0], False, buffers.combine)
    _multiply(kernels.multiply, model.combine[1], buffers.words, True, buffers.combine)
    _multiply(kernels.multiply, model.combine[2], buffers.context, True, buffers.combine)
    for r in range(len(combined)):
        for j in range(combined.shape[1]):
            combined[r, j] = maximum(buffers.combine[r, 2 * j], buffers.combine[r, 2 * j + 1])
    _multiply(kernels.multiply, model.head, combined, False, buffers.logits)
    call(kernels.log_softmax, buffers.logits, buffers.log_probabilities)


@kernel
def _attend_last_step(kernels, model, memory, tokens, old, new, fed, combined, buffers):  # type: ignore[no-untyped-def]
    """Take one step by `_attend_last`."""
    _attend_last(kernels, model, memory, tokens, old, new, fed, combined, buffers)


@kernel
def _attend_first_step(kernels, model, memory, tokens, old, new, fed, combined, buffers):  # type: ignore[no-untyped-def]
    """Take one step by `_attend_first`."""
    _attend_first(kernels, model, memory, tokens, old, new, fed, combined, buffers)


@inner
def _choose(append_pointer, log_probabilities, banned, added, tokens):  # type: ignore[no-untyped-def]
    """Append the best token of every row that goes on, and make it the row's last; return whether any row goes on."""
    ids, best, alive = added[0], added[1], added[3]
    for r in range(len(tokens)):
        ids[r] = argmax(log_probabilities[r], banned)
        best[r] = log_probabilities[r, ids[r]]
    call(append_pointer, *added)
    goes_on = False
    for r in range(len(tokens)):
        tokens[r] = ids[r]
        goes_on = goes_on or alive[r]
        alive[r] = True  # rows that have ended are still decoded, but no longer appended to
    return goes_on


@kernel
def _attend_last_search(  # type: ignore[no-untyped-def]
    kernels, model, memory, tokens, old, new, fed, combined, buffers, append_pointer, banned, added
):
    """Take steps by `_attend_last` until all rows have ended, without banned tokens; `append` takes `added`."""
    goes_on = True
    while goes_on:
        _attend_last(kernels, model, memory, tokens, old, new, fed, combined, buffers)
        goes_on = _choose(append_pointer, buffers.log_probabilities, banned, added, tokens)
        old, new, fed, combined = new, old, combined, fed


@kernel
def _attend_first_search(  # type: ignore[no-untyped-def]
    kernels, model, memory, tokens, old, new, fed, combined, buffers, append_pointer, banned, added
):
    """Take steps by `_attend_first` until all rows have ended; the arguments are those of `_attend_last_search`."""
    goes_on = True
    while goes_on:
        _attend_first(kernels, model, memory, tokens, old, new, fed, combined, buffers)
        goes_on = _choose(append_pointer, buffers.log_probabilities, banned, added, tokens)
        old, new = new, old


@kernel
def multiply_rows(weight, scales, bias, input, add, output):  # type: ignore[no-untyped-def]
    """output (R, O) = input (R, I) · weight (O, I) transposed · scales (O,) + bias (O,), for R from 1 to `MAX_ROWS`.

    With `add`, adds to what is there. An element of the weight is converted once for all rows.
    """
    rows = len(input)
    second, third, fourth = min(1, rows - 1), min(2, rows - 1), min(3, rows - 1)
    x0, x1, x2, x3 = input[0], input[second], input[third], input[fourth]
    for j in parallel_range(len(weight)):
        w, scale, base = weight[j], scales[j], bias[j]
        t0, t1, t2, t3 = f32(0), f32(0), f32(0), f32(0)
        if rows == 1:
            for i in range(len(w)):
                t0 += to_float32(w[i]) * x0[i]
        else:
            for i in range(len(w)):
                number = to_float32(w[i])
                t0 += number * x0[i]
                t1 += number * x1[i]
                t2 += number * x2[i]
                t3 += number * x3[i]
        t0, t1, t2, t3 = t0 * scale + base, t1 * scale + base, t2 * scale + base, t3 * scale + base
        if add:
            t0, t1 = t0 + output[0, j], t1 + output[second, j]
            t2, t3 = t2 + output[third, j], t3 + output[fourth, j]
        output[0, j] = t0
        if rows > 1:
            output[second, j] = t1
        if rows > 2:
            output[third, j] = t2
        if rows > 3:
            output[fourth, j] = t3
