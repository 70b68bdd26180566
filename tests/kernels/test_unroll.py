"""Whole loops against the same steps taken one by one."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor

from regard import kernels
from regard.kernels.decode.single import MAX_ROWS
from tests.kernels.agreement import DEVICE, check_agreement, leaves, of_numba

GATES = {"lstm": 4, "gru": 3}
PARTS = {"lstm": 2, "gru": 1}
CELL = pytest.mark.parametrize("cell", list(GATES))
STEPS, ROWS, SIZE, PLACES, MEMORY, KEYS = 4, 5, 12, 6, 7, 9


def small(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Numbers that do not saturate anything."""
    return [(0.3 * tensor.detach()).requires_grad_() for tensor in leaves(*shapes)]


def memory(additive: bool) -> tuple[list[Tensor | None], Tensor]:
    """Keys, values, W and v; and the places that are valid, with a row that has none and one that has all."""
    width = KEYS if additive else SIZE
    looked = small((ROWS, PLACES, width), (ROWS, PLACES, MEMORY))
    valid = torch.rand(ROWS, PLACES) > 0.3
    valid[0], valid[1] = False, True
    return [*looked, *(small((KEYS, SIZE), (KEYS,)) if additive else (None, None))], valid


@CELL
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_cell_over_a_sentence(cell: str, padded: bool, reverse: bool) -> None:
    width = GATES[cell] * SIZE
    live = torch.rand(STEPS, ROWS) > 0.3 if padded else None
    inputs = small((STEPS, ROWS, width), (width, SIZE), (width,), *[(ROWS, SIZE)] * PARTS[cell])

    def run(projected: Tensor, weight: Tensor, bias: Tensor, *start: Tensor) -> tuple[Tensor, ...]:
        hidden, last = kernels.recur(kernels.Recurrence(cell, weight, bias), projected, start, live, reverse)
        return hidden, *last

    check_agreement(run, inputs)


@CELL
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rows", [1, MAX_ROWS, MAX_ROWS + 3])
def test_a_cell_over_sentences_that_are_only_read(rows: int, reverse: bool, cell: str, padded: bool) -> None:
    width, found = GATES[cell] * SIZE, []
    live = torch.rand(STEPS, rows) > 0.3 if padded else None
    projected, *weights = small((STEPS, rows, width), (width, SIZE), (width,))
    start = small(*[(rows, SIZE)] * PARTS[cell])
    with torch.inference_mode():
        for form in kernels.BACKENDS:
            with kernels.forced(form):
                recurrence = kernels.Recurrence(cell, *weights)
                hidden, last = kernels.recur(recurrence, projected, start, live, reverse)
                found.append([hidden, *last])
    torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-5)


@of_numba
@CELL
@pytest.mark.parametrize("rows", [MAX_ROWS, MAX_ROWS + 3])
def test_sentences_may_be_read_in_low_precision(rows: int, cell: str) -> None:
    width, found = GATES[cell] * SIZE, []
    projected, *weights = small((STEPS, rows, width), (width, SIZE), (width,))
    start = small(*[(rows, SIZE)] * PARTS[cell])
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                given = projected.to(dtype)
                hidden, last = kernels.recur(kernels.Recurrence(cell, *weights), given, start)
            found.append([hidden, *last])
    assert {part.dtype for part in found[1]} == {torch.float32}
    torch.testing.assert_close(found[0], found[1], atol=0.02, rtol=0.02)


@CELL
@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_from_the_end_is_the_sentence_turned_round(cell: str, form: kernels.Backend) -> None:
    width = GATES[cell] * SIZE
    projected, *weights = small((STEPS, ROWS, width), (width, SIZE), (width,))
    start, live = small(*[(ROWS, SIZE)] * PARTS[cell]), torch.rand(STEPS, ROWS) > 0.3
    recurrence = kernels.Recurrence(cell, *weights)
    with kernels.forced(form):
        hidden, last = kernels.recur(recurrence, projected, start, live, reverse=True)
        turned, ended = kernels.recur(recurrence, projected.flip(0), start, live.flip(0))
    torch.testing.assert_close((hidden, last), (turned.flip(0), ended))


@CELL
@pytest.mark.parametrize("additive", [True, False])
def test_attending_before_the_step(cell: str, additive: bool) -> None:
    width, (looked, valid) = GATES[cell] * SIZE, memory(additive)
    own = small((STEPS, ROWS, width), (width, SIZE), (width,), (width, MEMORY), *[(ROWS, SIZE)] * PARTS[cell])

    def run(projected: Tensor, weight: Tensor, bias: Tensor, gates: Tensor, *more: Any) -> tuple[Tensor, ...]:
        start, (keys, values, *score) = (
            more[: PARTS[cell]],
            [*more[PARTS[cell] :], *([] if additive else [None] * 2)],
        )
        looking = kernels.AttentionInputs(keys, values, valid, *score, 0.7)
        return kernels.bahdanau_unroll(
            kernels.Recurrence(cell, weight, bias), looking, gates, projected, start
        )

    check_agreement(run, [*own, *(tensor for tensor in looked if tensor is not None)])


@CELL
@pytest.mark.parametrize("additive", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("dropped", [True, False])
def test_attending_after_the_step(cell: str, additive: bool, layers: int, dropped: bool) -> None:
    width, (looked, valid) = GATES[cell] * SIZE, memory(additive)
    masks = [(torch.rand(STEPS, ROWS, SIZE) > 0.2).float() for _ in range(layers - 1)] if dropped else None
    of_layer, start = [(width, SIZE), (width,)], [(ROWS, SIZE)] * PARTS[cell] * layers
    own = small(
        (STEPS, ROWS, width), (width, SIZE), (SIZE, MEMORY + SIZE), *of_layer * (2 * layers - 1), *start
    )

    def run(projected: Tensor, feed: Tensor, combine: Tensor, *more: Any) -> tuple[Tensor, ...]:
        pairs = [more[2 * number : 2 * number + 2] for number in range(2 * layers - 1)]
        rest = [*more[2 * len(pairs) :], *([] if additive else [None] * 2)]
        keys, values, *score = rest[len(start) :]
        looking = kernels.AttentionInputs(keys, values, valid, *score, 0.7)
        recurrences = [kernels.Recurrence(cell, *pair) for pair in pairs[:layers]]
        first = rest[: len(start)]
        return kernels.luong_unroll(
            recurrences, pairs[layers:], masks, looking, feed, combine, projected, first
        )

    check_agreement(run, [*own, *(tensor for tensor in looked if tensor is not None)])


def test_a_graph_may_be_gone_back_over_twice() -> None:
    inputs = small((STEPS, ROWS, 4 * SIZE), (4 * SIZE, SIZE), (4 * SIZE,), (ROWS, SIZE), (ROWS, SIZE))
    hidden, _ = kernels.recur(kernels.Recurrence("lstm", *inputs[1:3]), inputs[0], inputs[3:])
    value = hidden.square().sum()
    first = torch.autograd.grad(value, inputs, retain_graph=True)
    for one, other in zip(first, torch.autograd.grad(value, inputs), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("loop", ["recur", "before", "after"])
def test_nothing_of_a_step_waits_for_the_collector(loop: str) -> None:
    width, (looked, valid) = 4 * SIZE, memory(additive=True)
    start = small((ROWS, SIZE), (ROWS, SIZE))
    projected, weight, bias = small((STEPS, ROWS, width), (width, SIZE), (width,))
    gates, feed, combine = small((width, MEMORY), (width, SIZE), (SIZE, MEMORY + SIZE))
    cell = kernels.Recurrence("lstm", weight, bias)
    gc.collect()
    gc.disable()
    try:
        live, places = torch.ones(STEPS, ROWS, dtype=torch.bool), valid.clone()
        held = weakref.ref(live if loop == "recur" else places)
        looking = kernels.AttentionInputs(*looked[:2], places, *looked[2:], 1.0)  # type: ignore[arg-type]
        if loop == "recur":
            made = kernels.recur(cell, projected, start, live)[0]
        elif loop == "before":
            made = kernels.bahdanau_unroll(cell, looking, gates, projected, start)[0]
        else:
            made = kernels.luong_unroll([cell], [], None, looking, feed, combine, projected, start)[0]
        made.sum().backward()
        del made, live, places, looking
        assert held() is None
    finally:
        gc.enable()


@CELL
@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_the_gradient_of_the_last_state_stays_as_it_was(cell: str, form: kernels.Backend) -> None:
    # autograd gives a sum's gradient to all that was added, as one tensor
    width, parts = GATES[cell] * SIZE, PARTS[cell]
    inputs = small((STEPS, ROWS, width), (width, SIZE), (width,), *[(ROWS, SIZE)] * parts)
    (other,) = small((ROWS, SIZE))
    with kernels.forced(form):
        before = 2 * other
        _, last = kernels.recur(kernels.Recurrence(cell, *inputs[1:3]), inputs[0], inputs[3:])
        (last[0] + before).backward(torch.full((ROWS, SIZE), 3.0))
    assert other.grad is not None
    assert (other.grad == 6).all()


def test_bfloat16_is_close_to_float32() -> None:
    width, (looked, valid) = 4 * SIZE, memory(additive=True)
    own = small(
        (STEPS, ROWS, width), (width, SIZE), (width,), (width, SIZE), (SIZE, MEMORY + SIZE), (ROWS, SIZE)
    )

    def run() -> list[Tensor]:
        projected, weight, bias, feed, combine, first = own
        looking = kernels.AttentionInputs(*looked[:2], valid, *looked[2:], 1.0)  # type: ignore[arg-type]
        cell = kernels.Recurrence("lstm", weight, bias)
        made, weights = kernels.luong_unroll(
            [cell], [], None, looking, feed, combine, projected, [first, first]
        )
        value = made.float().square().sum()
        return [weights, *torch.autograd.grad(value, [*own, *(t for t in looked if t is not None)])]

    exact = run()
    with torch.autocast(DEVICE, torch.bfloat16):
        rough = run()
    for one, other in zip(rough, exact, strict=True):
        assert one.dtype == torch.float32
        allowed = 0.02 * (1 + float(other.detach().abs().max()))
        torch.testing.assert_close(one, other, atol=allowed, rtol=0)


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_a_look_by_hand(form: kernels.Backend) -> None:
    # keys 0 and ln 3 against the query 1: weights 1/4 and 3/4; values 4 and 8: context 7, which enters nothing
    keys, values = torch.tensor([[[0.0], [math.log(3)]]]), torch.tensor([[[4.0], [8.0]]])
    looking = kernels.AttentionInputs(keys, values, torch.ones(1, 2, dtype=torch.bool), None, None, 1.0)
    cell = kernels.Recurrence("gru", torch.zeros(3, 1), torch.zeros(3))
    projected, start = torch.zeros(1, 1, 3), [torch.ones(1, 1)]
    with kernels.forced(form):
        _, contexts, weights = kernels.bahdanau_unroll(cell, looking, torch.zeros(3, 1), projected, start)
    assert weights.flatten().tolist() == pytest.approx([0.25, 0.75])
    assert contexts.item() == pytest.approx(7)
