from __future__ import annotations

import math

import pytest
import torch

from regard import kernels
from regard.attention import Attention
from regard.attention.normalisers import Softmax
from regard.attention.scores import AdditiveScore, DotScore, GeneralScore, ScaledDotScore, Score
from regard.records.tensors import AttentionStep, Memory

SCORES = {
    "additive": lambda: AdditiveScore(6, 6, 11),
    "dot": lambda: DotScore(6, 6),
    "scaled_dot": lambda: ScaledDotScore(6, 6),
    "general": lambda: GeneralScore(6, 6),
}


def attend_in_both_forms(
    attention: Attention, query: torch.Tensor, memory: Memory
) -> dict[str, AttentionStep]:
    """Take one attention step in both forms."""
    found = {}
    with torch.inference_mode():
        for form in kernels.BACKENDS:
            with kernels.forced(form):
                found[form] = attention.step(query, attention.prepare(memory), {})
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", SCORES)
def test_both_forms_attend_alike(name: str, rows: int, temperature: float) -> None:
    torch.manual_seed(1)
    score_function: Score = SCORES[name]()
    valid = torch.arange(5) < torch.tensor([5, 2, 0]).unsqueeze(1)  # the last sentence is all padding
    memory = Memory(torch.randn(3, 5, 6), valid, torch.zeros(3, 6))
    both = attend_in_both_forms(
        Attention(score_function, Softmax(temperature)), torch.randn(3 * rows, 1, 6), memory
    )
    fused, plain = both["fused"], both["plain"]
    for part in ("scores", "weights", "context"):
        torch.testing.assert_close(getattr(fused, part), getattr(plain, part), atol=1e-5, rtol=1e-5)
    assert fused.weights[-1].sum() == 0
    assert (fused.scores[-1] == -math.inf).all()


def test_a_selection_of_the_memory_is_attended_to() -> None:
    torch.manual_seed(1)
    attention = Attention(AdditiveScore(6, 6, 11), Softmax())
    memory = Memory(torch.randn(4, 5, 6), torch.ones(4, 5, dtype=torch.bool), torch.zeros(4, 6))
    query = torch.randn(4, 1, 6)
    everything = attend_in_both_forms(attention, query, memory)["fused"]
    some = attend_in_both_forms(attention, query[1:3], memory.select(torch.tensor([1, 2])))["fused"]
    torch.testing.assert_close(some.context, everything.context[1:3])


@pytest.mark.parametrize("name", ["additive", "dot"])
def test_negligible_weights_are_zero(name: str) -> None:
    """Products with weights near the smallest float32 would take a hundred times as long."""
    score_function: Score = SCORES[name]()
    values = torch.zeros(1, 3, 6)
    values[0, :, 0] = torch.tensor([3.0, 2.0, -1.0])
    query = torch.zeros(1, 1, 6)
    query[..., 0] = 30  # dot: scores of 90, 60, -30
    if isinstance(score_function, AdditiveScore):
        with torch.no_grad():  # v · tanh(U k), tanh being almost 1 or -1
            score_function.U.weight.fill_(100)
            score_function.W.weight.zero_()
            score_function.v.fill_(30 / 11)
    memory = Memory(values, torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, 6))
    both = attend_in_both_forms(Attention(score_function, Softmax()), query, memory)
    if kernels.by_numba(values):
        assert both["fused"].weights[0, 0, 2] == 0
    torch.testing.assert_close(both["fused"].weights, both["plain"].weights, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(both["fused"].context, both["plain"].context, atol=1e-5, rtol=1e-5)
