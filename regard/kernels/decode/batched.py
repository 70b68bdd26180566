"""A step of a search for many rows: a handful of large products by packed weights, and a kernel between any two.

The inputs of a product are concatenated in its dtype, so that one product serves the embedding and what is fed;
nothing is cast or copied twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from regard.kernels.compile import array, kernel
from regard.kernels.decode.inputs import BestTokens, DecoderWeights, StepInput, StepOutput
from regard.kernels.decode.output import OutputBuffer
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.intrinsics import cast_like, maximum, sigmoid, tanh, to_float32
from regard.kernels.ops.attention import additive_attention_rows, dot_attention_rows
from regard.kernels.ops.gru import gru_forward
from regard.kernels.ops.topk import best, log_softmax
from regard.kernels.threads import parallel_range

MAX_ALIVE = 0.9  # share of the rows of a greedy search up to which those that have ended are taken out
MAX_INPUTS = 3  # of one product


class LargeBatch:
    """The steps of a decoder with many rows, in the dtype that products have now (autocast)."""

    def __init__(self, weights: DecoderWeights) -> None:
        self._dtype, self._weights = autocast_dtype(weights.head.weight), weights

        def packed(*products: nn.Linear | None) -> PackedWeight:
            present = [product for product in products if product is not None]
            biases = [product.bias.detach() for product in present if product.bias is not None]
            bias = torch.stack(biases).sum(0) if biases else None
            return PackedWeight([product.weight for product in present], bias, self._dtype)

        attention = weights.attention
        feeds = [weights.feed, *(None for _ in weights.layers[1:])]
        # a GRU multiplies one product by its reset gate, so it has two; an LSTM's are one
        self._recur = [packed(layer.recur) if weights.is_gru else None for layer in weights.layers]
        self._input = [
            packed(layer.project, feed, None if weights.is_gru else layer.recur)
            for layer, feed in zip(weights.layers, feeds, strict=True)
        ]
        self._query = None if attention.W is None else PackedWeight([attention.W], None, self._dtype)
        self._combine, self._head = packed(*weights.combine), packed(weights.head)
        self._embedding = array(weights.embedding.weight)
        memory = attention.keys, attention.values, attention.valid
        self._memory = [array(part.contiguous()) for part in memory]
        v = [] if attention.v is None else [array(attention.v.contiguous())]
        self._score = [*v, float(attention.scale)]

    def __call__(self, rows: StepInput) -> StepOutput:
        """Decode one token further."""
        logits, output = self._step(rows)
        return replace(output, log_probabilities=log_softmax(logits))

    def best(self, rows: StepInput, num_best: int, banned: Sequence[int]) -> tuple[BestTokens, StepOutput]:
        """Decode one token further, and return the best tokens as `kernels.best` does."""
        logits, output = self._step(rows)
        return best(logits, num_best, banned), output

    def greedy(
        self, rows: StepInput, buffer: OutputBuffer, banned: Sequence[int], num_rows: int
    ) -> StepInput:
        """Append the best tokens, step after step, until no more than `num_rows` rows go on; return these."""
        while len(rows.tokens) > num_rows:
            logits, output = self._step(rows)
            log_probabilities, tokens = (part.view(-1) for part in best(logits, 1, banned))
            alive = buffer.append(tokens, log_probabilities, output.weights)
            fed = None if rows.fed is None else output.combined
            rows = replace(rows, tokens=tokens, states=output.states, fed=fed)
            if np.count_nonzero(alive) <= MAX_ALIVE * len(alive):
                rows = buffer.select(rows, alive)
        return rows

    def _step(self, rows: StepInput) -> tuple[Tensor, StepOutput]:
        """Return the logits, and the output without log-probabilities. Raises ShapeError."""
        self._weights.check_shapes(rows)
        output, words = self._weights.output_buffers(rows.states), self._embed(rows.tokens)
        if self._weights.attend_first:
            self._attend(self._concat(rows.states[0]), rows, output)
            hidden = self._layers([words, output.context], rows.states, output)
            pairs = self._combine.forward(self._concat(hidden, words, output.context))
            combined = pairs.new_empty(pairs.shape[0], pairs.shape[1] // 2)
            _maximum_of_pairs(array(pairs), array(combined))
        else:
            hidden = self._layers([words, rows.fed], rows.states, output)
            self._attend(hidden, rows, output)
            combined = self._combine.forward(self._concat(output.context, hidden), activation="tanh")
        return self._head.forward(combined), replace(output, combined=combined)

    def _embed(self, tokens: Tensor) -> Tensor:
        """Return the embeddings (R, E) of tokens in the dtype of products."""
        words = self._buffer(len(tokens), self._embedding.shape[1])
        _embed(array(tokens.contiguous()), self._embedding, array(words))
        return words

    def _layers(
        self, inputs: Sequence[Tensor | None], states: Sequence[Tensor], output: StepOutput
    ) -> Tensor:
        """Step all layers; return the new hidden state of the top one in the dtype of products."""
        num_parts = self._weights.num_parts
        for layer, product in enumerate(self._input):
            old = [state.contiguous() for state in states[layer * num_parts : (layer + 1) * num_parts]]
            new = output.states[layer * num_parts : (layer + 1) * num_parts]
            recur, hidden = self._recur[layer], self._buffer(*new[0].shape)
            if recur is None:
                gates = product.forward(self._concat(*inputs, old[0]))
                _lstm_step(*map(array, (gates, old[1], *new, hidden)))
            else:
                products = product.forward(self._concat(*inputs)), recur.forward(self._concat(old[0]))
                alive = torch.ones(len(old[0]), dtype=torch.bool)
                gru_forward(*map(array, (*products, old[0], alive)), None, *map(array, (*new, hidden)))
            inputs = [hidden]
        return hidden

    def _attend(self, state: Tensor, rows: StepInput, output: StepOutput) -> None:
        """Write scores, weights and context of a state (R, H)."""
        query = state if self._query is None else self._query.forward(state)
        outputs = (array(part) for part in (output.scores, output.weights, output.context))
        attend = dot_attention_rows if len(self._score) == 1 else additive_attention_rows
        attend(array(query), array(rows.sentences), *self._memory, *self._score, *outputs)

    def _concat(self, *tensors: Tensor | None) -> Tensor:
        """Return the tensors that are not None, concatenated in the dtype of products."""
        present = [tensor for tensor in tensors if tensor is not None]
        if len(present) == 1 and present[0].dtype == self._dtype:
            return present[0]
        arrays = [array(tensor.contiguous()) for tensor in present]
        output = self._buffer(len(arrays[0]), sum(one.shape[1] for one in arrays))
        _concat(*arrays, *[arrays[0][:, :0]] * (MAX_INPUTS - len(arrays)), array(output))
        return output

    def _buffer(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self._dtype)


@kernel
def _embed(tokens, embedding, output):  # type: ignore[no-untyped-def]
    """output (R, E) = the rows of embedding (V, E) for tokens (R,)."""
    for r in parallel_range(len(tokens)):
        row, out = embedding[tokens[r]], output[r]
        for j in range(len(row)):
            out[j] = cast_like(out, row[j])


@kernel
def _concat(one, other, third, output):  # type: ignore[no-untyped-def]
    """output (R, I + J + K) = one (R, I), other (R, J) and third (R, K) side by side."""
    first, second = one.shape[1], one.shape[1] + other.shape[1]
    for r in parallel_range(len(output)):
        row, out = one[r], output[r, :first]
        for j in range(len(out)):
            out[j] = cast_like(out, to_float32(row[j]))
        row_of_other, out = other[r], output[r, first:second]
        for j in range(len(out)):
            out[j] = cast_like(out, to_float32(row_of_other[j]))
        row_of_third, out = third[r], output[r, second:]
        for j in range(len(out)):
            out[j] = cast_like(out, to_float32(row_of_third[j]))


@kernel
def _lstm_step(gates, cell, new_hidden, new_cell, cast_hidden):  # type: ignore[no-untyped-def]
    """new_hidden, new_cell (R, H) = the step of an LSTM from cell (R, H), by the sum of its products, gates (R, 4H).

    The formulas are those of `lstm_forward`. cast_hidden (R, H) = new_hidden in the dtype of products.
    """
    size = cell.shape[1]
    for r in parallel_range(len(gates)):
        x, old, c, h, cast = gates[r], cell[r], new_cell[r], new_hidden[r], cast_hidden[r]
        input_gate, forget_gate = x[:size], x[size : 2 * size]
        candidate, output_gate = x[2 * size : 3 * size], x[3 * size :]
        for j in range(size):
            kept = sigmoid(to_float32(forget_gate[j])) * old[j]
            c[j] = kept + sigmoid(to_float32(input_gate[j])) * tanh(to_float32(candidate[j]))
        for j in range(size):
            h[j] = sigmoid(to_float32(output_gate[j])) * tanh(c[j])
        for j in range(size):
            cast[j] = cast_like(cast, h[j])


@kernel
def _maximum_of_pairs(pairs, output):  # type: ignore[no-untyped-def]
    """output_j (R, C) = max(pairs_2j, pairs_2j+1), from pairs (R, 2C): a maxout layer."""
    for r in parallel_range(len(pairs)):
        row, out = pairs[r], output[r]
        for j in range(len(out)):
            out[j] = cast_like(out, maximum(to_float32(row[2 * j]), to_float32(row[2 * j + 1])))
