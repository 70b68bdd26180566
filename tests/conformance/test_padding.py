"""Padding, batch order and batch size change nothing, for every way to encode and decode."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.decoders import BRIDGES
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from tests.small import (
    ATTENTIVE,
    COMBINATIONS,
    VOCABULARY_SIZE,
    WAYS,
    pad_further,
    random_batch,
    small_way,
    take,
)


def loss_and_gradients(model: Seq2Seq, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    loss = model(batch).total
    gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    return loss, [gradient for gradient in gradients if gradient is not None]


def check(model: Seq2Seq) -> None:
    """Check that more padding changes nothing, and that the sentences one by one add up to the batch."""
    model, batch = model.double(), random_batch((5, 3, 1, 4), (2, 4, 1, 3))
    loss, gradients = loss_and_gradients(model, batch)
    padded_loss, padded_gradients = loss_and_gradients(model, pad_further(batch))
    torch.testing.assert_close(padded_loss, loss)
    torch.testing.assert_close(padded_gradients, gradients)
    losses, gradients_of_each = zip(
        *(loss_and_gradients(model, take(batch, [row])) for row in (2, 0, 3, 1)), strict=True
    )
    torch.testing.assert_close(sum(losses), loss)
    torch.testing.assert_close([sum(of_all) for of_all in zip(*gradients_of_each, strict=True)], gradients)


@pytest.mark.parametrize(("way", "score"), COMBINATIONS)
def test_padding_changes_nothing(way: str, score: str) -> None:
    check(small_way(way, score, label_smoothing=0.1))


@pytest.mark.parametrize("encoder", ["recurrent", "gnmt"])
@pytest.mark.parametrize("bridge", BRIDGES)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_padding_changes_nothing_for_any_bridge(encoder: str, bridge: str, cell: str) -> None:
    config = ModelConfig(
        embedding_size=5,
        dropout=0.0,
        encoder=EncoderConfig(encoder, cell, hidden_size=4, num_layers=2, bidirectional=False),
        decoder=DecoderConfig("luong", cell, hidden_size=4, num_layers=2, bridge=bridge),
        attention=AttentionConfig("dot"),
    )
    check(build_model(config, VOCABULARY_SIZE, VOCABULARY_SIZE))


def test_padding_changes_nothing_for_a_reversed_source() -> None:
    config = ModelConfig(
        embedding_size=5,
        dropout=0.0,
        reverse_source=True,
        encoder=EncoderConfig(hidden_size=4, num_layers=2, bidirectional=False),
        decoder=DecoderConfig("plain", hidden_size=4, num_layers=2, bridge="copy"),
        attention=AttentionConfig("none"),
    )
    check(build_model(config, VOCABULARY_SIZE, VOCABULARY_SIZE))


@pytest.mark.parametrize("way", ATTENTIVE)
@pytest.mark.parametrize("score", ["additive", "location", "cosine"])
def test_padding_gets_no_weight(way: str, score: str) -> None:
    model, batch = small_way(way, score), random_batch()
    weights = model.unroll(batch).weights
    assert weights is not None
    padding = ~batch.source_valid.unsqueeze(1).expand_as(weights)
    assert (weights[padding] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(batch.target.shape))


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("way", WAYS)
def test_log_probabilities_agree_whatever_the_batch(way: str, size: int) -> None:
    generator = torch.Generator().manual_seed(7)
    lengths: list[Any] = torch.randint(1, 12, (2, 64), generator=generator).tolist()
    batch = random_batch(tuple(lengths[0]), tuple(lengths[1]))
    model = small_way(way, "none" if way.startswith("plain") else "additive").eval()
    with torch.no_grad():
        whole = model.log_probabilities(model.unroll(batch).combined)
        for first in range(0, 64, size) if size > 1 else (0, 20, 63):
            rows = list(range(first, min(first + size, 64)))
            part = take(batch, rows)
            actual = model.log_probabilities(model.unroll(part).combined)[part.target_valid]
            expected = whole[rows][batch.target_valid[rows]]
            torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)
