"""The loss by hand; what the model does with dropout, batches and an empty rest."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from regard import kernels
from regard.build import build_model
from regard.model import Seq2Seq
from regard.records.tensors import Batch, Loss, Unrolled
from regard.records.text import END
from regard.recurrent import Dropout
from tests.small import (
    COMBINATIONS,
    VOCABULARY_SIZE,
    pad_further,
    random_batch,
    small_config,
    small_model,
    small_way,
    take,
)


def with_fixed_output(probabilities: list[float], label_smoothing: float) -> Seq2Seq:
    """A model that gives every token the same probability whatever its input."""
    model = build_model(
        small_config(), len(probabilities), len(probabilities), label_smoothing=label_smoothing
    )
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor(probabilities).log())
    return model


def batch_by_hand() -> Batch:
    """Targets 4 END and END alone, so three tokens to predict."""
    target = torch.tensor([[4, END], [END, 0]])
    return Batch(target, target != 0, target, target != 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_by_hand(smoothing: float) -> None:
    # probabilities 1/16, 1/16, 1/8, 1/4, 1/2 for tokens 0 to 4, so 4, 4, 3, 2 and 1 bits.
    # nll: END, END and 4 cost 2 + 2 + 1 = 5 bits. The mean over the vocabulary is 14 / 5 bits, three times.
    loss = with_fixed_output([1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2], smoothing)(batch_by_hand())
    assert loss.num_tokens == 3
    assert loss.nll.item() == pytest.approx(5 * math.log(2))
    assert loss.total.item() == pytest.approx(((1 - smoothing) * 5 + smoothing * 3 * 14 / 5) * math.log(2))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_agrees_with_torch(smoothing: float) -> None:
    model, batch = small_model(label_smoothing=smoothing), random_batch()
    logits = model.head(model.unroll(batch).combined)
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1),
        batch.target.masked_fill(~batch.target_valid, -100).flatten(),
        reduction="sum",
        label_smoothing=smoothing,
    )
    torch.testing.assert_close(model(batch).total, expected)


def test_the_loss_carries_a_gradient_and_the_likelihood_does_not() -> None:
    loss = small_model()(random_batch())
    assert loss.total.requires_grad
    assert not loss.nll.requires_grad


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    model, batch = small_model(label_smoothing=0.1).double(), random_batch((5, 3, 1, 4), (2, 4, 1, 3))
    whole, parts = model(batch), [model(take(batch, rows)) for rows in ([3, 1], [0], [2])]
    torch.testing.assert_close(sum(part.total for part in parts), whole.total)
    torch.testing.assert_close(sum(part.nll for part in parts), whole.nll)
    assert sum(part.num_tokens for part in parts) == whole.num_tokens == batch.num_tokens


def test_the_content_of_padding_does_not_matter() -> None:
    model, batch = small_model(), random_batch()
    torch.testing.assert_close(model(pad_further(batch)).total, model(batch).total)


@pytest.mark.parametrize(("way", "score"), COMBINATIONS)
def test_a_fixed_batch_may_be_padded_by_rows_and_costs_the_same(way: str, score: str) -> None:
    model, batch = small_way(way, score), random_batch()
    filled = pad_further(batch)
    rows = (0, 0, 0, 2)
    fixed = Batch(
        *(F.pad(side, rows) for side in (filled.source, filled.source_valid)),
        *(F.pad(side, rows) for side in (filled.target, filled.target_valid)),
        fixed=True,
    )
    (one, other), weights = (model(batch), model(fixed)), list(model.parameters())
    torch.testing.assert_close(other.total, one.total)
    torch.testing.assert_close(other.nll, one.nll)
    grads = (torch.autograd.grad(loss.total, weights, allow_unused=True) for loss in (one, other))
    for expected, found in zip(*grads, strict=True):
        if expected is not None:
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_future_is_not_seen() -> None:
    model, batch = small_model(), random_batch((5,), (4,))
    other = replace(batch, target=batch.target.clone())
    other.target[0, 2] = 3 + (other.target[0, 2] - 2) % 8
    before, after = model.unroll(batch).combined, model.unroll(other).combined
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_dropout_acts_in_training_only() -> None:
    model, batch = small_model(), random_batch()
    model.dropout.share = 0.5
    assert model(batch).total != model(batch).total
    model.eval()
    assert model(batch).total == model(batch).total


def test_one_dropout_serves_the_whole_model() -> None:
    model = small_model("luong", num_layers=2)
    assert {id(part) for part in model.modules() if isinstance(part, Dropout)} == {id(model.dropout)}


def test_variational_dropout_keeps_its_mask_up_to_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = small_model(), random_batch((3, 3), (6, 6))
    model.dropout.share, model.dropout.variational = 0.5, True
    monkeypatch.setattr(type(model.decoder), "unroll", _ones)
    passed: list[Tensor] = []
    original = kernels.cross_entropy

    def recording(combined: Tensor, *more: Any) -> tuple[Tensor, Tensor]:
        passed.append(combined)
        return original(combined, *more)

    monkeypatch.setattr(kernels, "cross_entropy", recording)
    model(batch)
    rows = passed[0].reshape(2, 6, -1)  # every token is real
    assert set(rows.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(rows, rows[:, :1].expand_as(rows))


def _ones(decoder, previous: Tensor, memory):  # type: ignore[no-untyped-def]
    return Unrolled(torch.ones(*previous.shape, decoder.combined_size), None)


def test_log_probabilities_are_float32_under_autocast() -> None:
    model, batch = small_model().eval(), random_batch()
    plain = model(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = model.log_probabilities(model.unroll(batch).combined)
        loss: Loss = model(batch)
    assert low.dtype == torch.float32
    assert torch.allclose(low.exp().sum(-1), torch.ones(batch.target.shape), atol=1e-5)
    assert loss.total.item() == pytest.approx(plain.total.item(), rel=0.02)


def test_log_probabilities_sum_to_one() -> None:
    model, batch = small_model(), random_batch()
    found = model.log_probabilities(model.unroll(batch).combined)
    assert found.shape == (*batch.target.shape, VOCABULARY_SIZE)
    assert torch.allclose(found.exp().sum(-1), torch.ones(batch.target.shape))


def test_a_stepper_of_some_sentences_predicts_as_the_whole() -> None:
    model, batch = small_model().eval(), random_batch()
    stepper = model.stepper(model.encode(batch.source, batch.source_valid))
    rows = torch.tensor([2, 0])
    part = stepper.select(rows)
    assert (stepper.num_sentences, part.num_sentences) == (3, 2)
    tokens = torch.tensor([4, 5, 6])
    whole = stepper.step(tokens, stepper.start()).log_probabilities
    torch.testing.assert_close(part.step(tokens[rows], part.start()).log_probabilities, whole[rows])
