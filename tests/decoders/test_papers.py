"""The decoders against the equations of their papers, written out in NumPy for one sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from regard.decoders import BahdanauDecoder, Decoder, GNMTDecoder, LuongDecoder, PlainDecoder
from regard.model import Seq2Seq
from regard.records.tensors import Memory
from regard.recurrent import Cell
from tests.small import random_batch, small_model

Array = np.ndarray


def number(tensor: torch.Tensor) -> Array:
    array: Array = tensor.detach().numpy()
    return array


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum()


def gru(cell: Cell, inputs: Array, h: Array) -> Array:
    """One step; `inputs` are W x + b, with whatever else enters added."""
    recurrent = number(cell.recur.weight) @ h + number(cell.recur.bias)
    xr, xz, xn = np.split(inputs, 3)
    hr, hz, hn = np.split(recurrent, 3)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + r * hn) + z * h


def lstm(cell: Cell, inputs: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
    """One step; `inputs` are W x + b, with whatever else enters added."""
    i, f, g, o = np.split(inputs + number(cell.recur.weight) @ state[0] + number(cell.recur.bias), 4)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def linear(layer: nn.Module, x: Array) -> Array:
    assert isinstance(layer, nn.Linear)
    product = number(layer.weight) @ x
    return product if layer.bias is None else product + number(layer.bias)


def maxout(readout: nn.Module, s: Array, y: Array, c: Array) -> Array:
    pairs = linear(readout.U, s) + linear(readout.V, y) + linear(readout.C, c)  # type: ignore[arg-type]
    return np.array([max(pairs[2 * i], pairs[2 * i + 1]) for i in range(len(pairs) // 2)])


def setting(*names: str, **options: object) -> tuple[Seq2Seq, Memory, list[int]]:
    """A model in float64, the memory of one sentence, and the tokens before each of its target's."""
    model = small_model(*names, **options).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    batch = random_batch((4,), (4,))
    return model, model.encode(batch.source, batch.source_valid), batch.previous[0].tolist()


def unrolled(decoder: Decoder, memory: Memory, previous: list[int]) -> tuple[Array, Array | None]:
    out = decoder.unroll(torch.tensor([previous]), memory)
    return number(out.combined[0]), None if out.weights is None else number(out.weights[0])


def dot_attention(values: Array, query: Array) -> tuple[Array, Array]:
    weights = softmax(values @ query)
    return weights, weights @ values


def start_of(decoder: Decoder, memory: Memory) -> Callable[[str], Array]:
    state = decoder.start(memory)
    return lambda name: number(state[name][0])


def test_bahdanau() -> None:
    model, memory, previous = setting("bahdanau", "additive", "gru")
    decoder = model.decoder
    assert isinstance(decoder, BahdanauDecoder)
    values, score = number(memory.values[0]), decoder.attention.score
    s, expected, expected_weights = start_of(decoder, memory)("layer0.hidden"), [], []
    for token in previous:
        y = number(decoder.embedding.weight[token])
        e = [
            number(score.v) @ np.tanh(linear(score.W, s) + linear(score.U, h))  # type: ignore[arg-type]
            for h in values
        ]
        weights = softmax(np.array(e))  # from s_{i-1}
        c = weights @ values
        s = gru(decoder.cell, linear(decoder.cell.project, y) + linear(decoder.context_gates, c), s)
        expected.append(maxout(decoder.readout, s, y, c))
        expected_weights.append(weights)
    combined, found_weights = unrolled(decoder, memory, previous)
    assert np.allclose(combined, expected)
    assert np.allclose(found_weights, expected_weights)


@pytest.mark.parametrize("input_feeding", [True, False])
def test_luong(input_feeding: bool) -> None:
    model, memory, previous = setting("luong", "dot", "lstm", num_layers=2, input_feeding=input_feeding)
    decoder = model.decoder
    assert isinstance(decoder, LuongDecoder)
    values, start = number(memory.values[0]), start_of(decoder, memory)
    states = [(start(f"layer{layer}.hidden"), start(f"layer{layer}.cell")) for layer in range(2)]
    fed, expected, expected_weights = np.zeros(6), [], []
    below, above = decoder.stack.cells
    for token in previous:
        inputs = linear(below.project, number(decoder.embedding.weight[token]))
        if decoder.feed is not None:
            inputs = inputs + linear(decoder.feed, fed)  # h̃_{t-1}
        states[0] = lstm(below, inputs, states[0])
        states[1] = lstm(above, linear(above.project, states[0][0]), states[1])
        weights, c = dot_attention(values, states[1][0])  # from h_t
        fed = np.tanh(linear(decoder.combine, np.concatenate([c, states[1][0]])))
        expected.append(fed)
        expected_weights.append(weights)
    combined, found_weights = unrolled(decoder, memory, previous)
    assert np.allclose(combined, expected)
    assert np.allclose(found_weights, expected_weights)


@pytest.mark.parametrize("query", ["previous", "current"])
def test_gnmt(query: str) -> None:
    model, memory, previous = setting("gnmt", "dot", "lstm", num_layers=4, query_step=query)
    decoder = model.decoder
    assert isinstance(decoder, GNMTDecoder)
    values, start, cells = number(memory.values[0]), start_of(decoder, memory), decoder.stack.cells
    states = [(start(f"layer{layer}.hidden"), start(f"layer{layer}.cell")) for layer in range(4)]
    context, expected, expected_weights = np.zeros(6), [], []

    def move(layer: int, x: Array) -> Array:
        inputs = linear(cells[layer].project, x) + linear(decoder.context_gates[layer], context)
        states[layer] = lstm(cells[layer], inputs, states[layer])
        return states[layer][0]

    for token in previous:
        y = number(decoder.embedding.weight[token])
        if query == "previous":
            weights, context = dot_attention(values, states[0][0])
            bottom = move(0, y)
        else:
            bottom = move(0, y)  # with the context of the step before
            weights, context = dot_attention(values, states[0][0])
        second = move(1, bottom)
        third = move(2, second) + second  # equation 7: residual from the third layer on
        expected.append(move(3, third) + third)
        expected_weights.append(weights)
    combined, found_weights = unrolled(decoder, memory, previous)
    assert np.allclose(combined, expected)
    assert np.allclose(found_weights, expected_weights)


def test_sutskever() -> None:
    model, memory, previous = setting("plain", "none", "lstm")
    decoder = model.decoder
    assert isinstance(decoder, PlainDecoder)
    start, (cell,) = start_of(decoder, memory), decoder.stack.cells
    state, expected = (start("layer0.hidden"), start("layer0.cell")), []
    for token in previous:
        state = lstm(cell, linear(cell.project, number(decoder.embedding.weight[token])), state)
        expected.append(state[0])
    combined, weights = unrolled(decoder, memory, previous)
    assert np.allclose(combined, expected)
    assert weights is None


def test_cho() -> None:
    model, memory, previous = setting("plain", "none", "gru", sentence_vector="every_step")
    decoder = model.decoder
    assert isinstance(decoder, PlainDecoder)
    c, (cell,) = number(memory.final[0]), decoder.stack.cells
    h, expected = start_of(decoder, memory)("layer0.hidden"), []
    for token in previous:
        y = number(decoder.embedding.weight[token])
        h = gru(cell, linear(cell.project, np.concatenate([y, c])), h)
        expected.append(maxout(decoder.readout, h, y, c))  # type: ignore[arg-type]
    assert np.allclose(unrolled(decoder, memory, previous)[0], expected)


@pytest.mark.parametrize("query", ["previous", "current"])
def test_the_query_shown_is_the_query_used(query: str) -> None:
    gnmt = {"query_step": query}
    for name, options in {"bahdanau": {}, "luong": {}, "gnmt": gnmt}.items():
        model, memory, previous = setting(name, "dot", "gru", **options)
        decoder = model.decoder
        assert decoder.attention is not None
        state = decoder.start(memory)
        for token in previous:
            step = decoder.step(torch.tensor([token]), state, memory)
            attended = decoder.attention.step(decoder.query_of(state, step).unsqueeze(1), memory, {})
            assert step.attention is not None
            assert torch.allclose(attended.scores, step.attention.scores)
            state = step.state


def test_the_base_only_promises() -> None:
    decoder, memory = (
        Decoder(),
        Memory(torch.zeros(1, 1, 1), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1)),
    )
    with pytest.raises(TypeError, match="Decoder promises a start"):
        decoder.start(memory)
    with pytest.raises(TypeError, match="Decoder promises to unroll"):
        decoder.unroll(torch.zeros(1, 1, dtype=torch.long), memory)
