"""What every score function and every normaliser promises."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from regard.attention import NORMALISERS, SCORES, Attention, DotScore, Normaliser, Softmax
from regard.build import construct
from regard.errors import ConfigError
from regard.records.tensors import AttentionStep, Memory
from tests.attention.sequential import RepellingScore

WIDTH, POSITIONS = 4, 6
ATTENDING = sorted(set(SCORES) - {"none"})
every_score = pytest.mark.parametrize("name", SCORES)


def make(name: str, dtype: torch.dtype = torch.float64) -> Attention:
    offered = {"query_size": WIDTH, "memory_size": WIDTH, "size": 5, "max_positions": 20}
    return Attention(construct(SCORES[name], offered), Softmax()).to(dtype)


def sentences(*lengths: int, dtype: torch.dtype = torch.float64) -> Memory:
    """Random encoder states, zero at padding, for sentences of these lengths."""
    valid = torch.arange(POSITIONS) < torch.tensor(lengths).unsqueeze(1)
    values = torch.randn(len(lengths), POSITIONS, WIDTH, dtype=dtype) * valid.unsqueeze(-1)
    return Memory(values, valid, values[:, 0])


def queries(rows: int, steps: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(rows, steps, WIDTH, dtype=dtype)


def attend(attention: Attention, query: Tensor, memory: Memory) -> AttentionStep:
    return attention.step(query, attention.prepare(memory), {})


def same(one: AttentionStep, other: AttentionStep, dtype: torch.dtype = torch.float64) -> bool:
    close = 1e-12 if dtype == torch.float64 else 1e-5
    return all(
        torch.allclose(getattr(one, part), getattr(other, part), atol=close)
        for part in ("scores", "weights", "context")
    )


@every_score
@pytest.mark.parametrize("steps", [1, 3])
def test_shapes_and_shares(name: str, steps: int) -> None:
    memory = sentences(6, 1, 3)
    step = attend(make(name), queries(3, steps), memory)
    assert step.scores.shape == step.weights.shape == (3, steps, POSITIONS)
    assert step.context.shape == (3, steps, WIDTH)
    assert step.alignment(memory).shape == (3, steps, POSITIONS, WIDTH)
    padding = ~memory.valid.unsqueeze(1).expand_as(step.weights)
    assert (step.weights >= 0).all()
    assert (step.weights[padding] == 0).all()
    assert (step.scores[padding] == -math.inf).all()
    sums = torch.zeros(3, steps) if name == "none" else torch.ones(3, steps)
    assert torch.allclose(step.weights.sum(-1), sums.double())
    assert torch.allclose(step.context, step.alignment(memory).sum(2))


@every_score
@given(extra=st.integers(1, 8))
@settings(max_examples=8, deadline=None)
def test_padding_changes_nothing(name: str, extra: int) -> None:
    attention, query, memory = make(name), queries(2, 2), sentences(6, 3)
    padded = Memory(
        torch.nn.functional.pad(memory.values, (0, 0, 0, extra)),
        torch.nn.functional.pad(memory.valid, (0, extra)),
        memory.final,
    )
    step, further = attend(attention, query, memory), attend(attention, query, padded)
    assert torch.allclose(step.weights, further.weights[..., :POSITIONS])
    assert torch.allclose(step.context, further.context)
    assert (further.weights[..., POSITIONS:] == 0).all()


@every_score
def test_the_content_of_padding_does_not_matter(name: str) -> None:
    attention, query, memory = make(name), queries(2, 2), sentences(4, 3)
    noise = torch.randn_like(memory.values) * ~memory.valid.unsqueeze(-1)
    noisy = replace(memory, values=memory.values + noise)
    assert same(attend(attention, query, memory), attend(attention, query, noisy))


@every_score
@given(order=st.permutations(range(4)))
@settings(max_examples=8, deadline=None)
def test_batch_order_changes_nothing(name: str, order: list[int]) -> None:
    attention, query, memory = make(name), queries(4, 2), sentences(6, 1, 3, 5)
    rows = torch.tensor(order)
    moved = attend(attention, query[rows], memory.select(rows))
    step = attend(attention, query, memory)
    assert same(moved, AttentionStep(step.scores[rows], step.weights[rows], step.context[rows]))


@every_score
def test_several_rows_a_sentence_attend_as_each_alone(name: str) -> None:
    attention, query, memory = make(name), queries(6, 1), sentences(5, 2)
    together = attend(attention, query, memory)
    for row in range(6):
        alone = attend(attention, query[row : row + 1], memory.select(torch.tensor([row // 3])))
        assert same(alone, AttentionStep(*(part[row : row + 1] for part in parts(together))))


@every_score
def test_all_steps_at_once_are_the_steps_one_by_one(name: str) -> None:
    attention, query, memory = make(name), queries(2, 4), sentences(5, 2)
    together = attend(attention, query, memory)
    for t in range(4):
        alone = attend(attention, query[:, t : t + 1], memory)
        assert same(alone, AttentionStep(*(part[:, t : t + 1] for part in parts(together))))


@every_score
def test_gradients(name: str) -> None:
    attention, memory = make(name), sentences(6, 2)

    def weights_and_context(query: Tensor, values: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        step = attend(attention, query, replace(memory, values=values))
        return step.weights, step.context

    inputs = (queries(2, 2).requires_grad_(), memory.values.clone().requires_grad_())
    assert torch.autograd.gradcheck(weights_and_context, (*inputs, *attention.parameters()))


@every_score
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sentence_without_a_valid_position_gives_zeros(name: str, dtype: torch.dtype) -> None:
    attention = make(name, dtype)
    memory, query = sentences(3, 0, dtype=dtype), queries(2, 2, dtype).requires_grad_()
    step = attend(attention, query, replace(memory, values=memory.values.requires_grad_()))
    assert (step.weights[1] == 0).all()
    assert (step.context[1] == 0).all()
    gradients = all_gradients(step, attention, query, memory.values)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@every_score
@pytest.mark.parametrize("which", ["query", "states", "both"])
def test_zero_vectors_give_no_nan(name: str, which: str) -> None:
    attention, memory, query = make(name, torch.float32), sentences(4, 2, dtype=torch.float32), queries(2, 1)
    query = (query.float() * (which == "states")).requires_grad_()
    values = (memory.values * (which == "query")).requires_grad_()
    step = attend(attention, query, replace(memory, values=values))
    assert torch.isfinite(step.context).all()
    assert all(torch.isfinite(one).all() for one in all_gradients(step, attention, query, values))


@every_score
@pytest.mark.parametrize("size", [1e4, 1e-4])
def test_large_and_small_vectors_give_no_nan(name: str, size: float) -> None:
    attention, memory = make(name, torch.float32), sentences(4, 2, dtype=torch.float32)
    query = (queries(2, 1, torch.float32) * size).requires_grad_()
    values = (memory.values * size).requires_grad_()
    step = attend(attention, query, replace(memory, values=values))
    assert torch.isfinite(step.context).all()
    assert torch.isfinite(step.weights).all()
    assert all(torch.isfinite(one).all() for one in all_gradients(step, attention, query, values))


@every_score
def test_scores_and_weights_stay_in_float32_under_autocast(name: str) -> None:
    attention, memory = make(name, torch.float32), sentences(4, 2, dtype=torch.float32)
    query = queries(2, 1, torch.float32)
    plain = attend(attention, query, memory)
    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            halved = replace(memory, values=memory.values.to(dtype))
            step = attend(attention, query.to(dtype), halved)
        assert {part.dtype for part in parts(step)} == {torch.float32}
        assert torch.allclose(step.weights, plain.weights, atol=0.05)


@pytest.mark.parametrize("name", ["dot", "scaled_dot", "cosine", "uniform"])
def test_bfloat16_states_are_scored_in_float32(name: str) -> None:
    memory = sentences(4, 2, dtype=torch.bfloat16)
    step = attend(make(name, torch.float32), queries(2, 1, torch.bfloat16), memory)
    assert {part.dtype for part in parts(step)} == {torch.float32}


@pytest.mark.parametrize("name", NORMALISERS)
@pytest.mark.parametrize("size", [0.0, 1.0, 1e4, 1e30])
def test_a_normaliser_never_gives_nan(name: str, size: float) -> None:
    scores = (torch.tensor([[[1.0, -1.0, 0.5], [1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]]) * size).requires_grad_()
    valid = torch.tensor([[[True, True, False], [True, True, True], [False, False, False]]])
    normalise = NORMALISERS[name]()
    weights = normalise(scores, valid)
    (weights * torch.randn(1, 3, 3)).sum().backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert torch.isfinite(weights).all()
    assert (weights[~valid] == 0).all()
    assert (weights >= 0).all()
    if normalise.sums_to_one:
        assert weights.sum(-1)[0, :2].tolist() == pytest.approx([1, 1])


def test_softmax_by_hand() -> None:
    # e^ln1 : e^ln2 : e^ln5 = 1 : 2 : 5; without the last 1 : 2; the last alone
    scores = torch.tensor([1.0, 2.0, 5.0]).log().expand(1, 3, 3)
    valid = torch.tensor([[[True, True, True], [True, True, False], [False, False, True]]])
    weights = Softmax()(scores, valid)[0]
    assert weights[0].tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert weights[1].tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    assert weights[2].tolist() == [0, 0, 1]


def test_temperature_by_hand() -> None:
    # temperature 2 takes the root of the odds 1 : 4 : 9, temperature ½ squares 1 : 2 : 3
    valid = torch.ones(1, 1, 3, dtype=torch.bool)
    soft = Softmax(2.0)(torch.tensor([[[1.0, 4.0, 9.0]]]).log(), valid)
    sharp = Softmax(0.5)(torch.tensor([[[1.0, 2.0, 3.0]]]).log(), valid)
    assert soft.flatten().tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert sharp.flatten().tolist() == pytest.approx([1 / 14, 4 / 14, 9 / 14])


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ConfigError, match=r"model\.attention\.temperature: expected a number above 0, got"):
        Softmax(temperature)


def test_the_base_only_promises() -> None:
    with pytest.raises(TypeError, match="Normaliser promises weights"):
        Normaliser()(torch.zeros(1, 1, 2), torch.ones(1, 1, 2, dtype=torch.bool))


def test_nothing_is_remembered_where_nothing_needs_it() -> None:
    attention, memory = make("dot"), sentences(4, 2)
    assert attention.start(memory) == {}
    assert attend(attention, queries(2, 1), memory).state == {}


def test_a_sequential_score_sees_the_steps_before() -> None:
    attention, memory = Attention(RepellingScore(), Softmax()).double(), sentences(4, 2)
    memory = attention.prepare(memory)
    plain = attend(Attention(DotScore(WIDTH, WIDTH), Softmax()), query := queries(2, 1), memory)
    first = attention.step(query, memory, attention.start(memory))
    assert same(first, plain)  # nothing was attended to before
    assert torch.equal(first.state["coverage"], first.weights[:, 0])
    second = attention.step(query, memory, first.state)
    expected = plain.scores - 4 * first.weights
    assert torch.allclose(second.scores, expected)
    assert torch.equal(second.state["previous"], second.weights[:, 0])
    assert torch.equal(second.state["coverage"], first.weights[:, 0] + second.weights[:, 0])


def test_a_sequential_score_keeps_the_rows_of_a_beam_apart() -> None:
    attention, memory = Attention(RepellingScore(), Softmax()).double(), sentences(4, 2)
    memory, query = attention.prepare(memory), queries(6, 1)
    states = {name: torch.rand(6, POSITIONS, dtype=torch.float64) for name in ("previous", "coverage")}
    together = attention.step(query, memory, states)
    for row in range(6):
        one = slice(row, row + 1)
        alone = attention.step(
            query[one],
            memory.select(torch.tensor([row // 3])),
            {name: tensor[one] for name, tensor in states.items()},
        )
        assert same(alone, AttentionStep(*(part[one] for part in parts(together))))
        assert torch.allclose(alone.state["coverage"], together.state["coverage"][one])


def parts(step: AttentionStep) -> tuple[Tensor, Tensor, Tensor]:
    return step.scores, step.weights, step.context


def all_gradients(step: AttentionStep, attention: Attention, query: Tensor, values: Tensor) -> list[Tensor]:
    """Of everything a step depends on."""
    value = (step.context * torch.randn_like(step.context)).sum() + (
        step.weights * torch.randn_like(step.weights)
    ).sum()
    found = torch.autograd.grad(value, [query, values, *attention.parameters()], allow_unused=True)
    return [gradient for gradient in found if gradient is not None]
