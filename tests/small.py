"""Small models and batches for the tests: few units, random tokens, different lengths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from regard.attention import SCORES
from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import END, PAD

VOCABULARY_SIZE = 11
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("plain", {}),
    "plain, every step": ("plain", {"sentence_vector": "every_step"}),
    "bahdanau": ("bahdanau", {}),
    "luong": ("luong", {}),
    "luong, not fed": ("luong", {"input_feeding": False}),
    "gnmt": ("gnmt", {}),
    "gnmt, current query": ("gnmt", {"query_step": "current"}),
}
ATTENTIVE = [way for way in WAYS if not way.startswith("plain")]
COMBINATIONS = [(way, score) for way in WAYS for score in (SCORES if way in ATTENTIVE else ["none"])]


def small_config(
    decoder: str = "bahdanau",
    score: str = "additive",
    cell: str = "lstm",
    num_layers: int | None = None,
    bidirectional: bool = True,
    **options: Any,
) -> ModelConfig:
    """Configure states of width 6 on both sides, so that every score function fits; `options` are the decoder's."""
    layers = num_layers or (2 if decoder == "gnmt" else 1)
    return ModelConfig(
        embedding_size=5,
        dropout=0.0,
        encoder=EncoderConfig(cell=cell, hidden_size=3 if bidirectional else 6, bidirectional=bidirectional),
        decoder=DecoderConfig(name=decoder, cell=cell, hidden_size=6, num_layers=layers, **options),
        attention=AttentionConfig(score="none" if decoder == "plain" else score, size=4),
    )


def small_model(*names: str, label_smoothing: float = 0.0, **options: Any) -> Seq2Seq:
    """Build a model with weights large enough to make its choices differ."""
    model = build_model(
        small_config(*names, **options), VOCABULARY_SIZE, VOCABULARY_SIZE, label_smoothing=label_smoothing
    )
    with torch.no_grad():
        model.head.weight.mul_(3)
        model.embedding.weight.mul_(2)
    return model


def small_way(way: str, score: str, cell: str = "gru", **options: Any) -> Seq2Seq:
    """Build a small model that decodes in one of the `WAYS`."""
    decoder, more = WAYS[way]
    return small_model(decoder, score, cell, **more, **options)


def random_batch(
    source_lengths: tuple[int, ...] = (5, 3, 1), target_lengths: tuple[int, ...] = (2, 4, 1)
) -> Batch:
    """Draw one sentence pair for each pair of lengths; lengths include end-of-sentence."""
    source, source_valid = _side(source_lengths)
    target, target_valid = _side(target_lengths)
    return Batch(source, source_valid, target, target_valid)


def pad_further(batch: Batch, source: int = 2, target: int = 3) -> Batch:
    """Add padding to a batch, filled with tokens other than PAD."""
    return replace(
        batch,
        source=torch.nn.functional.pad(batch.source, (0, source), value=7),
        source_valid=torch.nn.functional.pad(batch.source_valid, (0, source)),
        target=torch.nn.functional.pad(batch.target, (0, target), value=8),
        target_valid=torch.nn.functional.pad(batch.target_valid, (0, target)),
    )


def take(batch: Batch, rows: list[int]) -> Batch:
    """Select sentences, without the padding that only the others needed."""
    longest_source = int(batch.source_valid[rows].sum(1).max())
    longest_target = int(batch.target_valid[rows].sum(1).max())
    return Batch(
        batch.source[rows, :longest_source],
        batch.source_valid[rows, :longest_source],
        batch.target[rows, :longest_target],
        batch.target_valid[rows, :longest_target],
    )


def _side(lengths: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = torch.tensor(lengths)
    valid = torch.arange(max(lengths)) < sizes.unsqueeze(1)
    ids = torch.randint(END + 1, VOCABULARY_SIZE, valid.shape).masked_fill(~valid, PAD)
    ids[torch.arange(len(lengths)), sizes - 1] = END
    return ids, valid
