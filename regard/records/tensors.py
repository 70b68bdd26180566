"""The nouns that hold tensors.

The letters of every shape in this package:

    B  batch (sentences)          N  heads
    S  source positions           V  vocabulary
    T  target positions           M  memory width (encoder states)
    R  rows (B sentences times    K  key width
       the beam, while searching) Q  query width
    H  decoder width              A  attention width
    E  embedding width            L  layers

Everything is batch-major; T is kept as 1 when stepping. In a matrix of attention a row is a target word.
`valid` is True at a real token. End-of-sentence is a real token: it keeps its place and its label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.records.text import START


@dataclass(frozen=True)
class Batch:
    """Sentence pairs as ids, padded to the longest of each side.

    `source` (B, S) and `target` (B, T) both end in END before their padding; `target` is what must be
    predicted, `previous` what the decoder has seen when it predicts. A `fixed` batch is padded to a shape that other
    batches share, possibly with whole rows of padding, so no computation's shape may depend on which tokens are
    padding.
    """

    source: Int[Tensor, "B S"]
    source_valid: Bool[Tensor, "B S"]
    target: Int[Tensor, "B T"]
    target_valid: Bool[Tensor, "B T"]
    fixed: bool = False

    @property
    def previous(self) -> Int[Tensor, "B T"]:
        """The target moved right by one, the start symbol before it: (B, T)."""
        start = torch.full_like(self.target[:, :1], START)
        return torch.cat([start, self.target[:, :-1]], dim=1)

    @property
    def num_tokens(self) -> int:
        """Target tokens with end-of-sentence and without padding."""
        return int(self.target_valid.sum())

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(
            self.source.to(device),
            self.source_valid.to(device),
            self.target.to(device),
            self.target_valid.to(device),
            self.fixed,
        )

    def halves(self) -> tuple[Batch, Batch]:
        """The first and the second half of the pairs, each without the padding that only the other needed."""
        middle = len(self.source) // 2
        return self._part(slice(None, middle)), self._part(slice(middle, None))

    def _part(self, rows: slice) -> Batch:
        source_size = int(self.source_valid[rows].sum(1).max())
        target_size = int(self.target_valid[rows].sum(1).max())
        return Batch(
            self.source[rows, :source_size],
            self.source_valid[rows, :source_size],
            self.target[rows, :target_size],
            self.target_valid[rows, :target_size],
        )


def _select(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows by index, which torch copies several times as fast by this name, or by a Boolean each."""
    return tensor[rows] if rows.dtype == torch.bool else tensor.index_select(0, rows)


@dataclass(frozen=True)
class Memory:
    """What the encoder left of each sentence for the decoder to look at; made once, never changed.

    values (B, S, M) are the encoder states, zero at padding. `keys` (B, S, K) are what scores are taken
    against; `Attention.prepare` makes them once a sentence. `final` (B, M) is the encoder's last state, the
    fixed sentence vector; `final_layers` holds each layer's last state (B, M) with, for an LSTM, its cell.
    """

    values: Float[Tensor, "B S M"]
    valid: Bool[Tensor, "B S"]
    final: Float[Tensor, "B M"]
    keys: Float[Tensor, "B S K"] | None = None
    final_layers: tuple[tuple[Tensor, ...], ...] = ()

    def select(self, rows: Tensor) -> Memory:
        """Only these sentences, in this order; `rows` are indices or a Boolean per sentence."""
        return replace(
            self,
            values=_select(self.values, rows),
            valid=_select(self.valid, rows),
            final=_select(self.final, rows),
            keys=None if self.keys is None else _select(self.keys, rows),
            final_layers=tuple(tuple(_select(part, rows) for part in layer) for layer in self.final_layers),
        )


@dataclass(frozen=True)
class DecoderState:
    """All a decoder carries from one word to the next: named tensors, rows first.

    Search, ensembles and exported programs handle every decoder alike through `select`. The rows of one
    sentence stand together and are equally many for each sentence, so row r belongs to sentence r // (R / B)
    of the memory and beams never copy it.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def select(self, rows: Tensor) -> DecoderState:
        """Only these rows, in this order."""
        return DecoderState({name: _select(tensor, rows) for name, tensor in self.tensors.items()})

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors named `prefix.something`, without the prefix."""
        start = prefix + "."
        return {name[len(start) :]: t for name, t in self.tensors.items() if name.startswith(start)}


@dataclass(frozen=True)
class AttentionStep:
    """What attention did for each query: steps 1 to 4, kept and never thrown away.

    scores (B, T, S), minus infinity where no score was taken; weights (B, T, S), exactly 0 there;
    context (B, T, M); `state` is what the next step of a sequential mechanism needs.
    """

    scores: Float[Tensor, "B T S"]
    weights: Float[Tensor, "B T S"]
    context: Float[Tensor, "B T M"]
    state: Mapping[str, Tensor] = field(default_factory=dict)

    def alignment(self, memory: Memory) -> Float[Tensor, "B T S M"]:
        """Step 3, made only when somebody looks: every encoder state multiplied by its weight."""
        return self.weights.unsqueeze(-1) * memory.values.unsqueeze(1)


@dataclass(frozen=True)
class DecoderStep:
    """One word further: `combined` (R, 1, H) goes to the vocabulary, `state` to the next step.

    `attention` is None for a decoder that has none.
    """

    combined: Float[Tensor, "R 1 H"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Prediction:
    """What a search sees of one step: log-probabilities (R, V) of the next token, new state, attention."""

    log_probabilities: Float[Tensor, "R V"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Candidates:
    """The N best next tokens of every row, best first, with their log-probabilities; new state, attention."""

    gains: Float[Tensor, "R N"]
    tokens: Int[Tensor, "R N"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Unrolled:
    """A decoder run over a whole known target: combined (B, T, H); weights (B, T, S), None without attention."""

    combined: Float[Tensor, "B T H"]
    weights: Float[Tensor, "B T S"] | None


@dataclass(frozen=True)
class Loss:
    """Summed over the real target tokens of a batch, so that parts of a larger batch add up.

    `total` carries the gradient (label smoothing in it), `nll` is the plain negative log-likelihood in nats.
    `num_tokens` of a fixed batch counts padding, which costs nothing.
    """

    total: Float[Tensor, ""]
    nll: Float[Tensor, ""]
    num_tokens: int
