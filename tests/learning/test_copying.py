"""A small model learns to copy and to reverse, and its attention to point at the right positions."""

from __future__ import annotations

import pytest
import torch

from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import END
from regard.search import beam_search

TOKENS = 8  # beside the special ones


def sentences(count: int, reverse: bool, seed: int) -> Batch:
    """Return sentences of 3 to 6 random tokens; the target is the same, or reversed."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 7, (count,), generator=generator)
    tokens = torch.randint(END + 1, END + 1 + TOKENS, (count, 6), generator=generator)
    source, valid = _ended(tokens, lengths)
    positions = (lengths.unsqueeze(1) - 1 - torch.arange(6)).clamp(min=0)
    target, _ = _ended(tokens.gather(1, positions), lengths) if reverse else (source, valid)
    return Batch(source, valid, target, valid)


def _ended(tokens: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Append END to each sentence, and padding after that; also return which tokens are valid."""
    padded = torch.nn.functional.pad(tokens, (0, 1))
    positions, ends = torch.arange(padded.shape[1]), lengths.unsqueeze(1)
    return padded.masked_fill(positions == ends, END).masked_fill(positions > ends, 0), positions <= ends


def learn(config: ModelConfig, reverse: bool, steps: int) -> Seq2Seq:
    model = build_model(config, END + 1 + TOKENS, END + 1 + TOKENS)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        loss = model(sentences(64, reverse, seed=step))
        optimiser.zero_grad()
        (loss.total / loss.num_tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.eval()


def attentive(decoder: str, score: str) -> ModelConfig:
    return ModelConfig(
        embedding_size=16,
        dropout=0.0,
        encoder=EncoderConfig(cell="gru", hidden_size=16),
        decoder=DecoderConfig(decoder, "gru", hidden_size=32, num_layers=2 if decoder == "gnmt" else 1),
        attention=AttentionConfig(score, size=32),
    )


def share_right(model: Seq2Seq, reverse: bool) -> tuple[float, float]:
    """Return the share of unseen sentences that are right, and of their tokens that attend to the right position."""
    batch = sentences(100, reverse, seed=1_000_000)
    found = beam_search(
        model.stepper(model.encode(batch.source, batch.source_valid)), [10] * 100, beam_size=2
    )
    num_right, attends_right = 0, []
    for row, (best,) in enumerate(found):
        expected = batch.target[row][batch.target_valid[row]].tolist()
        num_right += list(best.ids) == expected
        if best.attention is not None and list(best.ids) == expected:
            length = len(expected) - 1
            positions = torch.arange(length).flip(0) if reverse else torch.arange(length)
            attends_right += (torch.from_numpy(best.attention[:length]).argmax(1) == positions).tolist()
    return num_right / 100, sum(attends_right) / max(len(attends_right), 1)


def test_attention_learns_to_reverse_and_shows_it() -> None:
    model = learn(attentive("luong", "general"), reverse=True, steps=150)
    sentences_right, attention_right = share_right(model, reverse=True)
    assert sentences_right >= 0.9
    assert attention_right >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("decoder", "score"),
    [
        ("bahdanau", "additive"),
        ("bahdanau", "cosine"),
        ("luong", "dot"),
        ("luong", "scaled_dot"),
        ("luong", "location"),
        ("gnmt", "additive"),
    ],
)
def test_every_way_to_attend_learns_to_copy_and_to_reverse(decoder: str, score: str, reverse: bool) -> None:
    model = learn(attentive(decoder, score), reverse, steps=500)
    assert share_right(model, reverse)[0] >= 0.9


@pytest.mark.slow
def test_a_fixed_vector_learns_less_in_the_same_time() -> None:
    plain = ModelConfig(
        embedding_size=16,
        dropout=0.0,
        encoder=EncoderConfig(cell="gru", hidden_size=16),
        decoder=DecoderConfig("plain", "gru", hidden_size=32),
        attention=AttentionConfig("none"),
    )
    assert share_right(learn(plain, True, steps=150), True)[0] < 0.9
