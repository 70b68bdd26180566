"""Fused loops over time against the plain form, the cells' and decoders' own, step by step."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention, Normaliser, Score
from regard.decoders import Decoder
from regard.kernels.decode.single import MAX_ROWS
from regard.records.tensors import Memory
from regard.recurrent import CELLS, Cell, run
from tests.kernels.agreement import DEVICE, leaves, of_numba
from tests.kernels.loops import (
    POSITIONS,
    ROWS,
    SIZE,
    STEPS,
    check_loop,
    inputs_of,
    make_decoder,
    random_memory,
    unroll,
    values_and_gradients,
)

CELL = pytest.mark.parametrize("cell", ["lstm", "gru"])
SCORE = pytest.mark.parametrize("score", ["additive", "dot"])
WIDTH = 7


def small(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Random numbers that do not saturate a gate."""
    return [(0.3 * tensor.detach()).requires_grad_() for tensor in leaves(*shapes)]


def padded(rows: int = ROWS) -> Tensor:
    """Which positions are valid, with gaps."""
    return torch.rand(rows, STEPS) > 0.3


def random_state(cell: Cell, rows: int) -> tuple[Tensor, ...]:
    return tuple(small(*[(rows, SIZE)] * len(cell.parts)))


@CELL
@pytest.mark.parametrize("some_padding", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_cell_over_a_sentence(cell: str, some_padding: bool, reverse: bool) -> None:
    module, valid = CELLS[cell](WIDTH, SIZE), padded() if some_padding else None
    start = random_state(module, ROWS)
    (inputs,) = small((ROWS, STEPS, WIDTH))

    def operation(*_: Tensor) -> tuple[Tensor, ...]:
        hidden, last = run(module, inputs, start, valid, reverse)
        return hidden, *last

    check_loop(operation, [inputs, *start, *module.parameters()])


@CELL
@pytest.mark.parametrize("some_padding", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rows", [1, MAX_ROWS, MAX_ROWS + 3])
def test_a_cell_in_inference(rows: int, reverse: bool, cell: str, some_padding: bool) -> None:
    module, valid = CELLS[cell](WIDTH, SIZE), padded(rows) if some_padding else None
    (inputs,), start, found = small((rows, STEPS, WIDTH)), random_state(module, rows), []
    with torch.inference_mode():
        for backend in kernels.BACKENDS:
            with kernels.forced(backend):
                hidden, last = run(module, inputs, start, valid, reverse)
                found.append([hidden, *last])
    torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-5)


@of_numba
@CELL
@pytest.mark.parametrize("rows", [MAX_ROWS, MAX_ROWS + 3])
def test_a_cell_in_inference_in_bfloat16(rows: int, cell: str) -> None:
    module = CELLS[cell](WIDTH, SIZE)
    (inputs,), start, found = small((rows, STEPS, WIDTH)), random_state(module, rows), []
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                hidden, last = run(module, inputs, start)
            found.append([hidden, *last])
    assert {part.dtype for part in found[1]} == {torch.float32}
    torch.testing.assert_close(found[0], found[1], atol=0.02, rtol=0.02)


@CELL
@pytest.mark.parametrize("backend", kernels.BACKENDS)
def test_a_reversed_run_is_a_run_over_the_reversed_sentence(cell: str, backend: kernels.Backend) -> None:
    module, valid = CELLS[cell](WIDTH, SIZE), padded()
    (inputs,), start = small((ROWS, STEPS, WIDTH)), random_state(module, ROWS)
    with kernels.forced(backend):
        hidden, last = run(module, inputs, start, valid, reverse=True)
        forward, last_forward = run(module, inputs.flip(1), start, valid.flip(1))
    torch.testing.assert_close((hidden, last), (forward.flip(1), last_forward))


def check_decoder(decoder: Decoder) -> None:
    """The decoder's fused loop, which it says it takes, agrees with its own steps in values and all gradients."""
    memory = random_memory()
    if DEVICE == "cpu":
        assert decoder.why_step_by_step() is None
    check_loop(unroll(decoder, memory), inputs_of(decoder, memory))


@CELL
@SCORE
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_bahdanau(cell: str, score: str, temperature: float) -> None:
    check_decoder(make_decoder("bahdanau", cell, score, temperature=temperature))


@CELL
@SCORE
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_luong(cell: str, score: str, num_layers: int, dropout: float) -> None:
    check_decoder(make_decoder("luong", cell, score, num_layers, dropout))


@CELL
@SCORE
@pytest.mark.parametrize("num_layers", [2, 3, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("query_step", ["previous", "current"])
def test_gnmt(cell: str, score: str, num_layers: int, dropout: float, query_step: str) -> None:
    check_decoder(make_decoder("gnmt", cell, score, num_layers, dropout, query_step))


class _Wide(Score):
    """A score that reads all of the memory, and has a product of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.W = nn.Linear(SIZE, SIZE)

    def keys(self, values: Tensor) -> Tensor:
        return torch.tanh(values)

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        projected = self.W(query) * memory.final.unsqueeze(1)
        return (torch.cdist(projected, keys).square() + projected @ memory.values.mT) / SIZE


class _Sigmoid(Normaliser):
    """Weights that do not sum to 1."""

    sums_to_one = False

    def forward(self, scores: Tensor, valid: Tensor) -> Tensor:
        return torch.sigmoid(scores) * valid


@of_numba
@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt"])
@pytest.mark.parametrize("score", ["cosine", "location", "uniform", "none"])
def test_a_score_without_kernels_keeps_the_fused_loop(kind: str, score: str) -> None:
    check_decoder(make_decoder(kind, "lstm", score))


@of_numba
@CELL
@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt"])
def test_a_score_and_a_normaliser_of_ones_own_keep_the_fused_loop(kind: str, cell: str) -> None:
    decoder, memory = make_decoder(kind, cell), random_memory()
    decoder.attention = Attention(_Wide(), _Sigmoid())
    assert decoder.why_step_by_step() is None
    check_loop(unroll(decoder, memory), [*inputs_of(decoder, memory), memory.final])


@of_numba
@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_score_without_kernels_records_nothing_in_inference(kind: str, mode: Any) -> None:
    decoder, memory = make_decoder(kind, "lstm", "cosine"), random_memory()
    operation, recorded = unroll(decoder, memory), []
    assert decoder.attention is not None
    decoder.attention.register_module("score", _Recording(decoder.attention.score, recorded))
    expected = [part.detach() for part in operation()]
    assert any(recorded)
    recorded.clear()
    with mode():
        found = operation()
    assert recorded == [False] * STEPS
    torch.testing.assert_close(list(found), expected)


class _Recording(Score):
    """Another score, noting whether autograd records it."""

    def __init__(self, score: Score, recorded: list[bool]) -> None:
        super().__init__()
        self.score, self.recorded = score, recorded

    def keys(self, values: Tensor) -> Tensor:
        return self.score.keys(values)

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        scores: Tensor = self.score(query, keys, memory, state)
        self.recorded.append(scores.requires_grad)
        return scores


@of_numba
@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt"])
@pytest.mark.parametrize("score", ["additive", "cosine", "uniform"])
def test_a_frozen_memory_needs_no_gradient(kind: str, score: str) -> None:
    decoder, memory = make_decoder(kind, "gru", score), random_memory()
    frozen = replace(memory, values=memory.values.detach(), final=memory.final.detach())
    inputs = [one for one in inputs_of(decoder, memory) if one is not memory.values]
    check_loop(unroll(decoder, frozen), inputs)


@of_numba
def test_a_score_without_kernels_draws_its_dropout_once() -> None:
    class Dropping(_Wide):
        def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
            dropped = torch.nn.functional.dropout(query, 0.5)
            return super().forward(dropped, keys, memory, state)

    decoder, memory = make_decoder("luong", "gru"), random_memory()
    assert decoder.attention is not None
    decoder.attention.score = Dropping()
    check_loop(unroll(decoder, memory), [*inputs_of(decoder, memory), memory.final])


@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt", "cosine"])
def test_a_graph_may_be_backpropagated_twice(kind: str) -> None:
    name, score = ("luong", "cosine") if kind == "cosine" else (kind, "additive")
    decoder, memory = make_decoder(name, "lstm", score), random_memory()
    value = sum(part.square().sum() for part in unroll(decoder, memory)())
    assert isinstance(value, Tensor)
    inputs = inputs_of(decoder, memory)
    first = torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True)
    for one, other in zip(first, torch.autograd.grad(value, inputs, allow_unused=True), strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert torch.equal(one, other)


def test_the_graph_of_a_cell_may_be_backpropagated_twice() -> None:
    module, (inputs,) = CELLS["lstm"](WIDTH, SIZE), small((ROWS, STEPS, WIDTH))
    value = run(module, inputs, module.zero(ROWS))[0].square().sum()
    first = torch.autograd.grad(value, inputs, retain_graph=True)
    assert torch.equal(first[0], torch.autograd.grad(value, inputs)[0])


REMEDY = r'a fused loop over time has no second derivatives.*with regard\.kernels\.forced\("plain"\)'


@pytest.mark.parametrize(
    "kind", ["cell", "bahdanau", "luong", "gnmt", pytest.param("cosine", marks=of_numba)]
)
def test_second_derivatives_are_refused_with_a_remedy(kind: str) -> None:
    if kind == "cell":
        module, (inputs,) = CELLS["gru"](WIDTH, SIZE), small((ROWS, STEPS, WIDTH))
        outputs = run(module, inputs, module.zero(ROWS))[0]
    else:
        name, score = ("luong", "cosine") if kind == "cosine" else (kind, "additive")
        if kind == "cosine" and DEVICE != "cpu":
            pytest.skip("runs step by step on a GPU")
        decoder, memory = make_decoder(name, "lstm", score), random_memory()
        inputs, outputs = memory.values, unroll(decoder, memory)()[0]
    with pytest.raises(RuntimeError, match=REMEDY):
        torch.autograd.grad(outputs.sum(), inputs, create_graph=True)


@pytest.mark.parametrize("kind", ["cell", "bahdanau", "luong", "gnmt"])
def test_the_plain_form_has_second_derivatives(kind: str) -> None:
    with kernels.forced("plain"):
        if kind == "cell":
            module, (inputs,) = CELLS["gru"](WIDTH, SIZE), small((ROWS, STEPS, WIDTH))
            outputs = run(module, inputs, module.zero(ROWS))[0]
        else:
            decoder, memory = make_decoder(kind, "lstm"), random_memory()
            inputs, outputs = memory.values, unroll(decoder, memory)()[0]
        (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), inputs)
    assert second.isfinite().all()
    assert second.any()


@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt"])
def test_an_inplace_change_of_a_weight_is_noticed(kind: str) -> None:
    decoder, memory = make_decoder(kind, "lstm"), random_memory()
    combined, _ = unroll(decoder, memory)()
    weight = next(weight for name, weight in decoder.named_parameters() if name.endswith("recur.weight"))
    with torch.no_grad():
        weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        combined.sum().backward()


@pytest.mark.parametrize("kind", ["cell", "bahdanau", "luong", "gnmt", "cosine"])
def test_nothing_of_a_step_waits_for_the_collector(kind: str) -> None:
    module, (inputs,) = CELLS["lstm"](WIDTH, SIZE), small((ROWS, STEPS, WIDTH))
    name, score = (kind, "additive") if kind in ("bahdanau", "gnmt") else ("luong", "cosine")
    decoder = make_decoder(name, "lstm", "additive" if kind == "luong" else score)
    gc.collect()
    gc.disable()
    try:
        valid = padded() if kind == "cell" else torch.ones(ROWS, POSITIONS, dtype=torch.bool)
        held = weakref.ref(valid)
        if kind == "cell":
            output = run(module, inputs, module.zero(ROWS), valid)[0]
        else:
            output = unroll(decoder, replace(random_memory(), valid=valid))()[0]
        output.sum().backward()
        del output, valid
        assert held() is None
    finally:
        gc.enable()


@CELL
@pytest.mark.parametrize("backend", kernels.BACKENDS)
def test_the_gradient_of_the_last_state_is_not_overwritten(cell: str, backend: kernels.Backend) -> None:
    # autograd hands the gradient of a sum to all its terms, as one tensor
    module, ((inputs, other),) = CELLS[cell](WIDTH, SIZE), [small((ROWS, STEPS, WIDTH), (ROWS, SIZE))]
    with kernels.forced(backend):
        before = 2 * other
        _, last = run(module, inputs, random_state(module, ROWS))
        (last[0] + before).backward(torch.full((ROWS, SIZE), 3.0))
    assert other.grad is not None
    assert (other.grad == 6).all()


@CELL
@pytest.mark.parametrize("kind", ["bahdanau", "luong", "gnmt", "gnmt, current query"])
@pytest.mark.parametrize("score", ["additive", "dot"])
def test_bfloat16_is_close_to_float32(kind: str, cell: str, score: str) -> None:
    name, _, query = kind.partition(", ")
    layers = 3 if name == "gnmt" else 1
    decoder = make_decoder(name, cell, score, layers, query_step="current" if query else "previous")
    memory = random_memory()
    operation, inputs = unroll(decoder, memory), inputs_of(decoder, memory)

    def in_bfloat16(*tensors: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(DEVICE, torch.bfloat16):
            return tuple(part.float() for part in operation(*tensors))

    exact, rough = values_and_gradients(operation, inputs), values_and_gradients(in_bfloat16, inputs)
    for one, other in zip(rough, exact, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() <= 0.06 * (other.norm() + 0.1)  # a maxout may choose otherwise


def test_attention_by_hand() -> None:
    # keys 0 and ln 3 against the query 1: weights 1/4 and 3/4; values 4 and 8: context 7, whose gates are zero
    keys, values = torch.tensor([[[0.0], [math.log(3)]]]), torch.tensor([[[4.0], [8.0]]])
    attention = kernels.AttentionInputs(keys, values, torch.ones(1, 2, dtype=torch.bool), None, None, 1.0)
    cell = kernels.Recurrence("gru", torch.zeros(3, 1), torch.zeros(3))
    layer = kernels.UnrolledLayer(cell, [torch.ones(1, 1)], [torch.zeros(3, 1)])
    _, contexts, weights = kernels.bahdanau_unroll(layer, attention, torch.zeros(1, 1, 3))
    assert weights.flatten().tolist() == pytest.approx([0.25, 0.75])
    assert contexts.item() == pytest.approx(7)
