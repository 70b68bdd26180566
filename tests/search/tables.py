"""A stepper that is a table: log-probabilities by sentence, step and last token; no model anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from regard.records.tensors import AttentionStep, DecoderState, Prediction
from regard.records.text import END, PAD, START


@dataclass(frozen=True)
class Table:
    """log-probabilities (B, steps, V, V): of sentence, step and last token, for every next token.

    `weights` (B, steps, V, S) are attention weights, None for a table that attends to nothing.
    """

    log_probabilities: Tensor
    num_sentences: int
    weights: Tensor | None = None

    def start(self) -> DecoderState:
        sentences = torch.arange(self.num_sentences)
        return DecoderState({"sentence": sentences, "step": torch.zeros_like(sentences)})

    def step(self, tokens: Tensor, state: DecoderState) -> Prediction:
        found = self.log_probabilities[state["sentence"], state["step"], tokens]
        state = DecoderState({**state.tensors, "step": state["step"] + 1})
        if self.weights is None:
            return Prediction(found, state, None)
        weights = self.weights[state["sentence"], state["step"] - 1, tokens].unsqueeze(1)
        return Prediction(found, state, AttentionStep(weights.log(), weights, weights))

    def select(self, sentences: Tensor) -> Table:
        return replace(self, num_sentences=len(torch.arange(self.num_sentences)[sentences]))

    def gain(self, sentence: int, written: Sequence[int], token: int) -> float:
        """The log-probability of one token after what is written."""
        last = written[-1] if written else START
        return self.log_probabilities[sentence, len(written), last, token].item()

    def alone(self, sentence: int) -> Table:
        weights = None if self.weights is None else self.weights[sentence : sentence + 1]
        return Table(self.log_probabilities[sentence : sentence + 1], 1, weights)

    def coverage(self, sentence: int, ids: Sequence[int]) -> Tensor:
        """The attention (S,) that each source place gets while these tokens are written."""
        assert self.weights is not None
        before = (START, *ids[:-1])
        return torch.stack([self.weights[sentence, step, last] for step, last in enumerate(before)]).sum(0)


def random_table(
    seed: int, sentences: int = 1, size: int = 6, steps: int = 6, forbidden: float = 0.0
) -> Table:
    """Random log-probabilities; a share of the tokens is `forbidden`, that is has probability 0."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(sentences, steps, size, size, generator=generator, dtype=torch.float64)
    banned = torch.rand(logits.shape, generator=generator) < forbidden
    banned[..., END] = False
    return Table(logits.log_softmax(-1).masked_fill(banned, -torch.inf), sentences)


def with_weights(table: Table, seed: int, lengths: Sequence[int]) -> Table:
    """The table with random attention, half of it exactly 0, none of it beyond the sentences' lengths."""
    generator = torch.Generator().manual_seed(seed)
    sentences, steps, size, _ = table.log_probabilities.shape
    weights = torch.rand(sentences, steps, size, max(lengths), generator=generator)
    weights[torch.rand(weights.shape, generator=generator) < 0.5] = 0
    for sentence, length in enumerate(lengths):
        weights[sentence, ..., length:] = 0
    return replace(table, weights=weights / weights.sum(-1, keepdim=True).clamp(min=1e-9))


Ranked = tuple[float, float, tuple[int, ...]]  # score, log-probability, tokens


def all_outputs(table: Table, sentence: int, limit: int, penalty: float) -> list[Ranked]:
    """Every output there is, the finished before the cut off, each group best first."""
    size = table.log_probabilities.shape[-1]
    inner = [token for token in range(size) if token not in (PAD, START, END)]
    outputs = [(*body, END) for n in range(limit) for body in product(inner, repeat=n)]
    finished = [_rank(table, sentence, ids, penalty) for ids in outputs]
    cut = [_rank(table, sentence, ids, penalty) for ids in product(inner, repeat=limit)]
    return _possible(finished) + _possible(cut)


def all_bodies(table: Table, longest: int) -> Iterator[tuple[int, ...]]:
    """Every output of at most `longest` tokens before its END, which is not among them."""
    inner = [i for i in range(table.log_probabilities.shape[-1]) if i not in (PAD, START, END)]
    for length in range(longest + 1):
        yield from product(inner, repeat=length)


def total_of(table: Table, sentence: int, ids: Sequence[int]) -> float:
    """The log-probability of these tokens."""
    return sum(table.gain(sentence, ids[:t], token) for t, token in enumerate(ids))


def slow_beam(table: Table, sentence: int, limit: int, beam: int, penalty: float) -> list[Ranked]:
    """Beam search in plain Python: no tensors, no early stop."""
    finished: list[tuple[int, ...]] = []
    going: list[tuple[int, ...]] = [()]
    for _ in range(limit):
        longer = [one for ids in going for one in _continuations(table, sentence, ids)]
        longer.sort(key=lambda ids: _rank(table, sentence, ids, 0)[1], reverse=True)
        longer = longer[: beam - len(finished)]
        finished += [ids for ids in longer if ids[-1] == END]
        going = [ids for ids in longer if ids[-1] != END]
    ranked = ([_rank(table, sentence, ids, penalty) for ids in group] for group in (finished, going))
    return [one for group in ranked for one in _possible(group)]


def _continuations(table: Table, sentence: int, ids: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for token in range(table.log_probabilities.shape[-1]):
        if token not in (PAD, START) and table.gain(sentence, ids, token) > -torch.inf:
            yield (*ids, token)


def _rank(table: Table, sentence: int, ids: tuple[int, ...], penalty: float) -> Ranked:
    total = total_of(table, sentence, ids)
    return total / len(ids) ** penalty, total, ids


def _possible(ranked: list[Ranked]) -> list[Ranked]:
    return sorted((one for one in ranked if one[1] > -torch.inf), reverse=True)
