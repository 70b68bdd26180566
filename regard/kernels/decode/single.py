"""A step of a search for the few rows of a single sentence, as a program of kernels.

With so few rows a product takes as long as reading its weight, and starting two dozen operations takes as long as
all products. So the calls of a step are prepared once for a search, and run one after the other (`program`).
Weights may be in 8 bits with a scale for every row; what they are multiplied by stays float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regard.errors import ShapeError
from regard.kernels.compile import array, f32, kernel
from regard.kernels.decode.inputs import BestTokens, DecoderWeights, StepInput, StepOutput
from regard.kernels.decode.output import DecodedRow, OutputBuffer, append
from regard.kernels.gemm.int8 import gains_from_int8, rows_and_scales, runs_in_int8
from regard.kernels.intrinsics import maximum, tanh, to_float32
from regard.kernels.ops.attention import additive_attention_rows, dot_attention_rows
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.lstm import lstm_forward
from regard.kernels.ops.topk import argmax, log_softmax_kernel, top
from regard.kernels.program import Program
from regard.kernels.threads import parallel_range

MAX_ROWS = 4  # of a small batch: more are faster by larger products
Weight = tuple[Tensor, Tensor, Tensor]  # rows, their scales, a bias


@dataclass(frozen=True)
class _Rows:
    """The tensors that a step reads and writes: tokens, states by layer before and after it, and its results."""

    tokens: Tensor
    old: Sequence[Sequence[Tensor]]
    new: Sequence[Sequence[Tensor]]
    fed: Tensor
    combined: Tensor
    scores: Tensor
    weights: Tensor
    context: Tensor
    log_probabilities: Tensor


class SmallBatch:
    """The steps of a decoder with at most `MAX_ROWS` rows."""

    def __init__(self, weights: DecoderWeights) -> None:
        self._weights = weights
        low = runs_in_int8(1) and all(gains_from_int8(product.weight) for product in weights.products)

        def packed(product: nn.Linear) -> Weight:
            return _packed(product.weight, product.bias, low)

        attention = weights.attention
        self._embedding = weights.embedding.weight
        self._project = [packed(layer.project) for layer in weights.layers]
        self._recur = [packed(layer.recur) for layer in weights.layers]
        self._feed = None if weights.feed is None else packed(weights.feed)
        self._query = None if attention.W is None else _packed(attention.W, None, low)
        self._combine = [packed(product) for product in weights.combine]
        self._head = packed(weights.head)
        memory = attention.keys, attention.values, attention.valid
        self._memory = [part.contiguous() for part in memory]
        v = [] if attention.v is None else [attention.v.contiguous()]
        self._score = [*v, float(attention.scale)]

    def __call__(self, rows: StepInput) -> StepOutput:
        """Decode one token further."""
        output = self._weights.output_buffers(rows.states, len(self._head[0]))
        self._program(self._tensors(rows, output), rows.sentences.contiguous()).run()
        return output

    def best(self, rows: StepInput, num_best: int, banned: Sequence[int]) -> tuple[BestTokens, StepOutput]:
        """Decode one token further, and return the best tokens as `kernels.best` does."""
        output = self(rows)
        return top(output.log_probabilities, num_best, banned), output

    def greedy(
        self, rows: StepInput, limits: Sequence[int], banned: Sequence[int], end: int
    ) -> list[DecodedRow]:
        """Decode the best token that is not banned at every step, until a row's limit or `end`."""
        output = self._weights.output_buffers(rows.states, len(self._head[0]))
        fed = torch.zeros_like(output.combined) if rows.fed is None else rows.fed.float().clone()
        # tokens, states and `fed` are overwritten at every step
        own = StepInput(rows.tokens.clone(), [state.clone() for state in rows.states], fed, rows.sentences)
        tensors, sentences = self._tensors(own, output), rows.sentences.contiguous()
        buffer = OutputBuffer(limits, output.scores.shape[1], end)
        banned_ids = torch.tensor(sorted(banned))
        best, alive = torch.empty(len(tensors.tokens)), torch.ones(len(tensors.tokens), dtype=torch.bool)
        program = self._program(tensors, sentences)
        program.add(_choose, tensors.log_probabilities, banned_ids, tensors.tokens, best)
        program.add(append, tensors.tokens, best, tensors.weights, alive, *buffer.arrays)
        for old, new in zip(tensors.old, tensors.new, strict=True):
            for part, moved in zip(old, new, strict=True):
                program.add(_copy, moved, part)
        if self._feed is not None and not self._weights.attend_first:
            program.add(_copy, tensors.combined, tensors.fed)
        program.run_while(array(alive))
        return buffer.decoded()

    def _tensors(self, rows: StepInput, output: StepOutput) -> _Rows:
        if len(rows.tokens) > MAX_ROWS:
            raise ShapeError(
                f"SmallBatch: expected at most {MAX_ROWS} rows, got {len(rows.tokens)}; use LargeBatch"
            )
        self._weights.check_shapes(rows)
        return _Rows(
            tokens=rows.tokens.contiguous(),
            old=self._by_layer(rows.states),
            new=self._by_layer(output.states),
            fed=output.combined if rows.fed is None else rows.fed.float().contiguous(),
            combined=output.combined,
            scores=output.scores,
            weights=output.weights,
            context=output.context,
            log_probabilities=output.log_probabilities,
        )

    def _by_layer(self, states: Sequence[Tensor]) -> list[list[Tensor]]:
        parts = self._weights.num_parts
        return [[state.contiguous() for state in states[i : i + parts]] for i in range(0, len(states), parts)]

    def _program(self, rows: _Rows, sentences: Tensor) -> Program:
        """The calls of a step, from tokens to log-probabilities."""
        program, num_rows = Program(), len(rows.tokens)
        words = torch.empty(num_rows, self._embedding.shape[1])
        program.add(_embed, rows.tokens, self._embedding, words)
        if self._weights.attend_first:
            self._add_attention(program, rows, rows.old[0][0], sentences)
            self._add_layer(program, rows, 0, words, rows.context)
            pairs = torch.empty(num_rows, len(self._combine[0][0]))
            for i, input in enumerate((rows.new[0][0], words, rows.context)):
                program.add(multiply_rows, *self._combine[i], input, i > 0, pairs)
            program.add(_maximum_of_pairs, pairs, rows.combined)
        else:
            input = words
            for layer in range(len(rows.old)):
                self._add_layer(program, rows, layer, input, rows.fed)
                input = rows.new[layer][0]
            self._add_attention(program, rows, input, sentences)
            joined = torch.empty(num_rows, self._combine[0][0].shape[1])
            program.add(_concat, rows.context, input, joined)
            program.add(multiply_rows, *self._combine[0], joined, False, rows.combined)
            program.add(_tanh, rows.combined)
        program.add(multiply_rows, *self._head, rows.combined, False, rows.log_probabilities)
        program.add(log_softmax_kernel, rows.log_probabilities, rows.log_probabilities)
        return program

    def _add_layer(self, program: Program, rows: _Rows, layer: int, input: Tensor, fed: Tensor) -> None:
        """A layer's step; `fed` enters the lowest layer besides its input."""
        old, new = rows.old[layer], rows.new[layer]
        gates, products = (
            torch.empty(len(rows.tokens), len(weight[layer][0])) for weight in (self._project, self._recur)
        )
        program.add(multiply_rows, *self._project[layer], input, False, gates)
        if layer == 0 and self._feed is not None:
            program.add(multiply_rows, *self._feed, fed, True, gates)
        program.add(multiply_rows, *self._recur[layer], old[0], False, products)
        alive = torch.ones(len(rows.tokens), dtype=torch.bool)
        cell = gru_forward if self._weights.is_gru else lstm_forward
        program.add(cell, gates, products, *old, alive, None, *new, new[0])

    def _add_attention(self, program: Program, rows: _Rows, state: Tensor, sentences: Tensor) -> None:
        query = state
        if self._query is not None:
            query = torch.empty(len(state), len(self._query[0]))
            program.add(multiply_rows, *self._query, state, False, query)
        attend = dot_attention_rows if len(self._score) == 1 else additive_attention_rows
        outputs = rows.scores, rows.weights, rows.context
        program.add(attend, query, sentences, *self._memory, *self._score, *outputs)


def _packed(weight: Tensor, bias: Tensor | None, low: bool) -> Weight:
    bias = torch.zeros(len(weight)) if bias is None else bias.contiguous()
    return *rows_and_scales(weight, low), bias


@kernel
def _embed(tokens, embedding, words):  # type: ignore[no-untyped-def]
    """words (R, E) = embedding (V, E) of the tokens (R,)."""
    for r in parallel_range(len(tokens)):
        row, word = embedding[tokens[r]], words[r]
        for j in range(len(row)):
            word[j] = row[j]


@kernel
def _copy(states, output):  # type: ignore[no-untyped-def]
    """output (R, W) = states (R, W)."""
    for r in parallel_range(len(states)):
        row, out = states[r], output[r]
        for j in range(len(row)):
            out[j] = row[j]


@kernel
def _concat(one, other, output):  # type: ignore[no-untyped-def]
    """output (R, A + B) = one (R, A) followed by other (R, B)."""
    for r in parallel_range(len(output)):
        row, left, right = output[r], one[r], other[r]
        for j in range(len(left)):
            row[j] = left[j]
        for j in range(len(right)):
            row[len(left) + j] = right[j]


@kernel
def _tanh(states):  # type: ignore[no-untyped-def]
    """states (R, W) = tanh(states), in place."""
    for r in parallel_range(len(states)):
        row = states[r]
        for j in range(len(row)):
            row[j] = tanh(row[j])


@kernel
def _maximum_of_pairs(pairs, output):  # type: ignore[no-untyped-def]
    """output (R, H) = the larger of every two neighbours of pairs (R, 2H)."""
    for r in parallel_range(len(pairs)):
        row, out = pairs[r], output[r]
        for j in range(len(out)):
            out[j] = maximum(row[2 * j], row[2 * j + 1])


@kernel
def _choose(scores, banned, tokens, best):  # type: ignore[no-untyped-def]
    """tokens (R,) = the best tokens of scores (R, V) that are not banned; best (R,) = their scores."""
    for r in parallel_range(len(tokens)):
        tokens[r] = argmax(scores[r], banned)
        best[r] = scores[r, tokens[r]]


@kernel
def multiply_rows(weight, scales, bias, input, add, output):  # type: ignore[no-untyped-def]
    """output (R, O) = input (R, I) · weight (O, I) transposed · scales (O,) + bias (O,), for R of 1 to `MAX_ROWS`.

    `add`: onto what is there. A weight is converted once for all rows.
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
