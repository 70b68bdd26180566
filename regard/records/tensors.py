"""Records of tensors.

The letters in the shapes of this package:

    B  batch (sentences)          N  heads
    S  source positions           V  vocabulary
    T  target positions           M  memory width (encoder states)
    R  rows (B sentences times    K  key width
       the beam, while searching) Q  query width
    H  decoder width              A  attention width
    E  embedding width            L  layers

Everything is batch-major; a single step has T = 1. The rows of an attention matrix are target tokens.
`valid` is True at a real token. End-of-sentence is a real token: it keeps its position and its label.
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
        """The target shifted right by one, the start symbol first: (B, T)."""
        start = torch.full_like(self.target[:, :1], START)
        return torch.cat([start, self.target[:, :-1]], dim=1)

    @property
    def num_tokens(self) -> int:
        """Number of target tokens, end-of-sentence included, padding excluded."""
        return int(self.target_valid.sum())

    def to(self, device: torch.device | str) -> Batch:
        """Copy the batch to a device."""
        return Batch(
            self.source.to(device),
            self.source_valid.to(device),
            self.target.to(device),
            self.target_valid.to(device),
            self.fixed,
        )

    def halves(self) -> tuple[Batch, Batch]:
        """Split the batch into two halves, and trim the padding of each."""
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
    """Select rows by index, for which `index_select` is several times faster than `[]`, or by a Boolean mask."""
    return tensor[rows] if rows.dtype == torch.bool else tensor.index_select(0, rows)


@dataclass(frozen=True)
class Memory:
    """The encoder's output for each sentence, which the decoder attends to.

    `values` (B, S, M) are the encoder states, zero at padding. `keys` (B, S, K) are what queries are scored against;
    `Attention.prepare` computes them once per sentence. `final` (B, M) is the encoder's last state, the fixed
    sentence vector; `final_layers` holds the last state (B, M) of each layer and, for an LSTM, its cell.
    """

    values: Float[Tensor, "B S M"]
    valid: Bool[Tensor, "B S"]
    final: Float[Tensor, "B M"]
    keys: Float[Tensor, "B S K"] | None = None
    final_layers: tuple[tuple[Tensor, ...], ...] = ()

    def select(self, rows: Tensor) -> Memory:
        """Select sentences, in this order; `rows` are indices or a Boolean mask."""
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
    """Everything a decoder carries from one token to the next: named tensors, whose first dimension is the rows.

    Searches, ensembles and exported programs treat all decoders alike through `select`. The rows of a sentence are
    adjacent, and each sentence has the same number of them, so row r belongs to sentence r // (R / B) of the memory,
    which a beam need not copy.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def select(self, rows: Tensor) -> DecoderState:
        """Select rows by index, in this order."""
        return DecoderState({name: _select(tensor, rows) for name, tensor in self.tensors.items()})

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors named `prefix.something`, without the prefix."""
        start = prefix + "."
        return {name[len(start) :]: t for name, t in self.tensors.items() if name.startswith(start)}


@dataclass(frozen=True)
class AttentionStep:
    """The result of attention for each query: steps 1, 2 and 4, and step 3 on request.

    `scores` (B, T, S) are minus infinity at masked positions, `weights` (B, T, S) exactly 0; `context` (B, T, M);
    `state` is what the next step of a sequential mechanism needs.
    """

    scores: Float[Tensor, "B T S"]
    weights: Float[Tensor, "B T S"]
    context: Float[Tensor, "B T M"]
    state: Mapping[str, Tensor] = field(default_factory=dict)

    def alignment(self, memory: Memory) -> Float[Tensor, "B T S M"]:
        """Compute step 3, every encoder state multiplied by its weight; nothing else needs it."""
        return self.weights.unsqueeze(-1) * memory.values.unsqueeze(1)


@dataclass(frozen=True)
class DecoderStep:
    """The result of one decoder step: `combined` (R, 1, H) for the output layer, `state` for the next step.

    `attention` is None for a decoder without attention.
    """

    combined: Float[Tensor, "R 1 H"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Prediction:
    """The result of one step of a search: log-probabilities (R, V) of the next token, new state, attention."""

    log_probabilities: Float[Tensor, "R V"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Candidates:
    """The N best next tokens of each row, best first, with their log-probabilities; new state, attention."""

    log_probabilities: Float[Tensor, "R N"]
    tokens: Int[Tensor, "R N"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Unrolled:
    """A decoder's output for a whole known target: combined (B, T, H); weights (B, T, S), None without attention."""

    combined: Float[Tensor, "B T H"]
    weights: Float[Tensor, "B T S"] | None


@dataclass(frozen=True)
class Loss:
    """The loss summed over the real target tokens of a batch, so that those of parts of a batch add up.

    `total` is differentiated and includes label smoothing; `nll` is the plain negative log-likelihood in nats.
    `num_tokens` of a fixed batch includes padding, whose loss is 0.
    """

    total: Float[Tensor, ""]
    nll: Float[Tensor, ""]
    num_tokens: int
