"""A decoder's two forms are one: `step` and `unroll` return the same outputs, and have the same gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from regard.attention import SCORES
from regard.model import Seq2Seq
from regard.records.tensors import Batch, Memory
from regard.recurrent import CELLS
from tests.attention.sequential import RepellingScore
from tests.small import ATTENTIVE, COMBINATIONS, WAYS, random_batch, small_way

TOLERANCES = {torch.float64: 1e-10, torch.float32: 2e-5}  # absolute and relative


def stepped(model: Seq2Seq, batch: Batch, memory: Memory) -> tuple[Tensor, Tensor | None]:
    """Compute the outputs and weights of `unroll` by `step` alone."""
    state, combined, weights = model.decoder.start(memory), [], []
    for tokens in batch.previous.unbind(1):
        step = model.decoder.step(tokens, state, memory)
        state = step.state
        combined.append(step.combined)
        if step.attention is not None:
            weights.append(step.attention.weights)
    return torch.cat(combined, dim=1), torch.cat(weights, dim=1) if weights else None


def gradients(model: Seq2Seq, combined: Tensor, weights: Tensor | None) -> list[Tensor | None]:
    """Differentiate a function of all outputs with respect to every parameter."""
    value = combined.sin().sum() + (0 if weights is None else (3 * weights).cos().sum())
    return list(torch.autograd.grad(value, list(model.parameters()), allow_unused=True))


def check(model: Seq2Seq, dtype: torch.dtype) -> None:
    model, batch = model.to(dtype), random_batch()
    close = {"atol": TOLERANCES[dtype], "rtol": TOLERANCES[dtype]}
    memory = model.encode(batch.source, batch.source_valid)
    combined, weights = stepped(model, batch, memory)
    step_gradients = gradients(model, combined, weights)
    unrolled = model.decoder.unroll(batch.previous, model.encode(batch.source, batch.source_valid))
    assert combined.dtype == unrolled.combined.dtype == dtype
    torch.testing.assert_close(unrolled.combined, combined, **close)
    assert (weights is None) == (unrolled.weights is None)
    if weights is not None:
        torch.testing.assert_close(unrolled.weights, weights, **close)
    unroll_gradients = gradients(model, unrolled.combined, unrolled.weights)
    for stepped_gradient, unrolled_gradient in zip(step_gradients, unroll_gradients, strict=True):
        assert (stepped_gradient is None) == (unrolled_gradient is None)
        if stepped_gradient is not None:
            torch.testing.assert_close(stepped_gradient, unrolled_gradient, **close)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("way", "score"), COMBINATIONS)
def test_step_is_unroll(way: str, score: str, cell: str) -> None:
    check(small_way(way, score, cell), torch.float64)


@pytest.mark.parametrize(("way", "score"), COMBINATIONS)
def test_step_is_unroll_in_float32(way: str, score: str) -> None:
    check(small_way(way, score, "lstm"), torch.float32)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [2, 3])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "bahdanau"])
def test_step_is_unroll_in_several_layers(way: str, num_layers: int, cell: str) -> None:
    check(small_way(way, "general", cell, num_layers=num_layers), torch.float64)


@pytest.mark.parametrize("way", ATTENTIVE)
def test_step_is_unroll_for_a_score_that_needs_previous_weights(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCORES, "repelling", RepellingScore)
    check(small_way(way, "repelling"), torch.float64)


@pytest.mark.parametrize("way", ATTENTIVE)
def test_a_score_that_needs_previous_weights_makes_a_difference(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCORES, "repelling", RepellingScore)
    repelled = small_way(way, "repelling")
    plain = small_way(way, "dot")
    plain.load_state_dict(repelled.state_dict())
    batch = random_batch((5,), (4,))
    repelled_weights, plain_weights = repelled.unroll(batch).weights, plain.unroll(batch).weights
    assert repelled_weights is not None
    assert plain_weights is not None
    torch.testing.assert_close(repelled_weights[:, 0], plain_weights[:, 0])
    assert not torch.allclose(repelled_weights[:, 1:], plain_weights[:, 1:])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("way", WAYS)
def test_step_is_unroll_under_bfloat16_autocast(way: str, cell: str) -> None:
    # bfloat16 has 8 bits of mantissa, so a product is off by up to 2^-9 of itself; states stay in float32
    model, batch = small_way(way, "none" if way.startswith("plain") else "additive", cell), random_batch()
    with torch.autocast("cpu", torch.bfloat16):
        memory = model.encode(batch.source, batch.source_valid)
        combined, weights = stepped(model, batch, memory)
        unrolled = model.decoder.unroll(batch.previous, memory)
    assert memory.values.dtype == torch.float32
    torch.testing.assert_close(unrolled.combined, combined, atol=2e-2, rtol=2e-2)
    if weights is not None:
        assert unrolled.weights is not None
        torch.testing.assert_close(unrolled.weights, weights, atol=2e-2, rtol=2e-2)
