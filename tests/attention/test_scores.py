"""Every score function by hand, and against loops written from its formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from regard.attention import (
    SCORES,
    AdditiveScore,
    Attention,
    CosineScore,
    DotScore,
    GeneralScore,
    LocationScore,
    NoScore,
    ScaledDotScore,
    Score,
    Softmax,
    UniformScore,
)
from regard.errors import ConfigError, ShapeError
from regard.explain import example_scores
from regard.records.tensors import AttentionStep, Memory

Rows = list[list[float]]
LN2, LN3 = math.log(2), math.log(3)


def attend(score: Score, query: list[float], states: Rows, temperature: float = 1.0) -> AttentionStep:
    """One query at the states of one sentence, in float64."""
    values = torch.tensor([states], dtype=torch.float64)
    attention = Attention(score.double(), Softmax(temperature))
    memory = attention.prepare(Memory(values, torch.ones(values.shape[:2], dtype=torch.bool), values[:, -1]))
    return attention.step(torch.tensor([[query]], dtype=torch.float64), memory, {})


def with_weights(score: Score, **weights: Rows | list[float] | float) -> Score:
    """The score with these numbers for its parameters."""
    state = {name.replace("_weight", ".weight"): torch.tensor(value) for name, value in weights.items()}
    score.load_state_dict(state)
    return score


@dataclass(frozen=True)
class Case:
    """A query, states, and the scores and weights worked out on paper."""

    score: Callable[[], Score]
    query: list[float]
    states: Rows
    scores: list[float]
    weights: list[float] = field(default_factory=list)


# tanh(ln 2) = (4 - 1) / (4 + 1) = 0.6 and tanh(ln 3) = (9 - 1) / (9 + 1) = 0.8.
# W = (1, 1) and U = (0, 1), so the hidden layer is (tanh q, tanh(q + k)), with q = ln 2:
#   k = ln 3 - ln 2: (0.6, 0.8); k = -ln 2: (0.6, 0); v = (1, 2): 0.6 + 1.6 = 2.2 and 0.6.
ADDITIVE = Case(
    lambda: with_weights(
        AdditiveScore(1, 1, 2), W_weight=[[1.0], [1.0]], U_weight=[[0.0], [1.0]], v=[1.0, 2.0]
    ),
    [LN2],
    [[LN3 - LN2], [-LN2]],
    [2.2, 0.6],
)
BY_HAND = {
    "additive": ADDITIVE,
    "concat": ADDITIVE,
    # (1, 0) · (2, 0) = 2, (1, 0) · (0, 3) = 0; e² / (e² + 1) = 7.389 / 8.389
    "dot": Case(lambda: DotScore(2, 2), [1, 0], [[2, 0], [0, 3]], [2, 0], [0.8808, 0.1192]),
    # width 4, root 2: 2 × 3 / 2 = 3 and 2 × 1 / 2 = 1; again two apart
    "scaled_dot": Case(
        lambda: ScaledDotScore(4, 4), [2, 0, 0, 0], [[3, 0, 0, 0], [1, 5, 5, 5]], [3, 1], [0.8808, 0.1192]
    ),
    # W k is (k1, 2 k3): (2, 0) and (0, 4); with the query (1, 1): 2 and 4
    "general": Case(
        lambda: with_weights(GeneralScore(2, 3), W_weight=[[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]),
        [1, 1],
        [[2, 9, 0], [0, 9, 2]],
        [2, 4],
        [0.1192, 0.8808],
    ),
    # same direction, right angle, opposite, and the zero vector; sharpness 2
    "cosine": Case(
        lambda: CosineScore(2, 2, sharpness=2.0), [3, 4], [[6, 8], [4, -3], [-3, -4], [0, 0]], [2, 0, -2, 0]
    ),
    # W q = (3, 8, 35) for q = (3, 4), cut to two positions: the states there do not matter
    "location": Case(
        lambda: with_weights(LocationScore(2, 3), W_weight=[[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]]),
        [3, 4],
        [[7, 7], [0, 1]],
        [3, 8],
    ),
    "uniform": Case(UniformScore, [1, 0], [[2, 0], [0, 3], [1, 1], [4, 4]], [0, 0, 0, 0], [0.25] * 4),
    "none": Case(NoScore, [1, 0], [[2, 0], [0, 3]], [-math.inf] * 2, [0, 0]),
}


def test_every_score_has_a_case_worked_by_hand() -> None:
    assert set(BY_HAND) == set(SCORES)


@pytest.mark.parametrize("name", SCORES)
def test_by_hand(name: str) -> None:
    case = BY_HAND[name]
    score = case.score()
    assert type(score) is SCORES[name]
    step = attend(score, case.query, case.states)
    assert step.scores.flatten().tolist() == pytest.approx(case.scores, abs=1e-6)
    if case.weights:
        assert step.weights.flatten().tolist() == pytest.approx(case.weights, abs=5e-5)
    context = np.array(step.weights.flatten().tolist()) @ np.array(case.states)
    assert step.context.flatten().tolist() == pytest.approx(list(context))


@pytest.mark.parametrize("name", SCORES)
def test_says_what_it_computes_and_where_it_comes_from(name: str) -> None:
    assert SCORES[name].formula
    assert SCORES[name].source


def test_the_worked_example() -> None:
    states: Rows = [[0, 1, 1], [5, 0, 1], [1, 1, 0], [0, 5, 1]]
    step = attend(DotScore(3, 3), [10, 5, 10], states)
    # 10×0 + 5×1 + 10×1, 10×5 + 5×0 + 10×1, 10×1 + 5×1 + 10×0, 10×0 + 5×5 + 10×1
    assert step.scores.flatten().tolist() == [15, 60, 15, 35]
    assert step.weights.round().flatten().tolist() == [0, 1, 0, 0]
    assert step.weights[0, 0, 3].item() == pytest.approx(math.exp(-25), rel=1e-9)
    values = torch.tensor([states], dtype=torch.float64)
    alignment = step.alignment(Memory(values, torch.ones(1, 4, dtype=torch.bool), values[:, -1]))
    assert alignment.round().tolist() == [[[[0, 0, 0], [5, 0, 1], [0, 0, 0], [0, 0, 0]]]]
    assert step.context.flatten().tolist() == pytest.approx([5, 0, 1], abs=1e-9)
    assert torch.equal(alignment.sum(dim=2), step.context)


def test_location_gives_nothing_to_places_beyond_its_reach() -> None:
    score = with_weights(LocationScore(1, 2), W_weight=[[0.0], [0.0]])
    step = attend(score, [1], [[1], [3], [100]])
    assert step.scores.flatten().tolist() == [0, 0, -math.inf]
    assert step.weights.flatten().tolist() == [0.5, 0.5, 0]
    assert step.context.item() == 2


def test_concat_is_additive_with_its_matrix_split() -> None:
    score = AdditiveScore(3, 2, 4).double()
    joined = torch.cat([score.W.weight, score.U.weight], dim=1)  # W of [q; k]
    query, states = torch.randn(3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    expected = [score.v @ torch.tanh(joined @ torch.cat([query, state])) for state in states]
    step = attend(score, query.tolist(), states.tolist())
    assert step.scores.flatten().tolist() == pytest.approx([e.item() for e in expected])


def test_scaled_dot_agrees_with_torch() -> None:
    query, values = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    valid = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    attention = Attention(ScaledDotScore(8, 8), Softmax())
    step = attention.step(query, attention.prepare(Memory(values, valid, values[:, 0])), {})
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, values, values, attn_mask=valid.unsqueeze(1).expand(2, 3, 5)
    )
    assert torch.allclose(step.context, expected, atol=1e-6)


def slow_score(name: str, score: Score, q: np.ndarray, k: np.ndarray, position: int) -> float:
    """One score, number by number, from the formula."""
    w = {key: value.detach().numpy() for key, value in score.state_dict().items()}
    q_k = sum(q[i] * k[i] for i in range(len(q)))
    if name in ("additive", "concat"):
        total = 0.0
        for a in range(len(w["v"])):
            inner = sum(w["W.weight"][a][i] * q[i] for i in range(len(q)))
            inner += sum(w["U.weight"][a][i] * k[i] for i in range(len(k)))
            total += w["v"][a] * math.tanh(inner)
        return total
    if name == "general":
        return sum(q[i] * w["W.weight"][i][j] * k[j] for i in range(len(q)) for j in range(len(k)))
    if name == "cosine":
        lengths = math.sqrt(sum(x * x for x in q)) * math.sqrt(sum(x * x for x in k))
        return math.exp(w["log_sharpness"]) * q_k / lengths
    if name == "location":
        return sum(w["W.weight"][position][i] * q[i] for i in range(len(q)))
    return {"dot": q_k, "scaled_dot": q_k / math.sqrt(len(q)), "uniform": 0.0}[name]


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"none"}))
def test_agrees_with_loops(name: str) -> None:
    arguments = {"location": (4, 9), "uniform": (), "additive": (4, 4, 3), "concat": (4, 4, 3)}
    score = SCORES[name](*arguments.get(name, (4, 4))).double()
    attention = Attention(score, Softmax())
    query = torch.randn(2, 3, 4, dtype=torch.float64)
    values = torch.randn(2, 5, 4, dtype=torch.float64)
    lengths = [5, 2]
    valid = torch.arange(5) < torch.tensor(lengths).unsqueeze(1)
    step = attention.step(query, attention.prepare(Memory(values, valid, values[:, 0])), {})
    for b in range(2):
        for t in range(3):
            scores = [
                slow_score(name, score, query[b, t].numpy(), values[b, s].numpy(), s)
                for s in range(lengths[b])
            ]
            powers = [math.exp(s) for s in scores]
            weights = [power / sum(powers) for power in powers]
            context = [sum(weights[s] * values[b, s, m].item() for s in range(lengths[b])) for m in range(4)]
            assert step.scores[b, t, : lengths[b]].tolist() == pytest.approx(scores)
            assert step.weights[b, t, : lengths[b]].tolist() == pytest.approx(weights)
            assert step.context[b, t].tolist() == pytest.approx(context)


@pytest.mark.parametrize("example", ["hard", "soft"])
def test_agrees_with_the_example_that_is_explained(example: str) -> None:
    query = {"hard": [10.0, 5.0, 10.0], "soft": [0.4, 0.2, 0.4]}[example]
    states: Rows = [[0, 1, 1], [5, 0, 1], [1, 1, 0], [0, 5, 1]]
    identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    positions = [[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.1]]
    ours: dict[str, Score] = {
        "cosine": CosineScore(3, 3, sharpness=1.0),
        "additive": with_weights(AdditiveScore(3, 3, 3), W_weight=identity, U_weight=identity, v=[1.0] * 3),
        "location": with_weights(LocationScore(3, 4), W_weight=positions),
        "general": with_weights(
            GeneralScore(3, 3), W_weight=[[1.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]]
        ),
        "dot": DotScore(3, 3),
        "scaled_dot": ScaledDotScore(3, 3),
        "uniform": UniformScore(),
    }
    theirs = {one.name: one for one in example_scores(np.array(query), np.array(states))}
    assert set(ours) == set(theirs) == set(SCORES) - {"concat", "none"}
    for name, score in ours.items():
        step = attend(score, query, states)
        assert step.scores.flatten().tolist() == pytest.approx(list(theirs[name].scores), rel=1e-6)
        assert step.weights.flatten().tolist() == pytest.approx(list(theirs[name].weights), abs=1e-6)


@pytest.mark.parametrize("name", ["dot", "scaled_dot", "cosine"])
def test_unequal_widths_are_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(
        ConfigError,
        match=rf"model\.attention\.score {name}: the query is 3 wide and the encoder states 4.*"
        r"set model\.decoder\.hidden_size to 4, or choose general",
    ):
        SCORES[name](3, 4)


@pytest.mark.parametrize(
    "score",
    [
        DotScore(3, 3),
        ScaledDotScore(3, 3),
        CosineScore(3, 3),
        GeneralScore(3, 4),
        AdditiveScore(3, 4, 2),
        LocationScore(3, 9),
    ],
    ids=lambda score: type(score).__name__,
)
def test_a_query_of_another_width_is_refused(score: Score) -> None:
    values = torch.zeros(1, 2, 4 if isinstance(score, GeneralScore | AdditiveScore) else 3)
    attention = Attention(score, Softmax())
    memory = attention.prepare(Memory(values, torch.ones(1, 2, dtype=torch.bool), values[:, 0]))
    with pytest.raises(ShapeError, match="the query is 5 wide; this score was built for queries 3 wide"):
        attention.step(torch.zeros(1, 1, 5), memory, {})


def test_the_base_only_promises() -> None:
    values: Tensor = torch.zeros(1, 2, 3)
    memory = Memory(values, torch.ones(1, 2, dtype=torch.bool), values[:, 0])
    with pytest.raises(TypeError, match="Score promises a score"):
        Score()(torch.zeros(1, 1, 3), values, memory, {})
