"""The decoder before attention: all it knows of the source is one vector of fixed size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard.decoders.base import Decoder, name_layers, read_layers
from regard.decoders.bridges import Bridge
from regard.decoders.readout import MaxoutReadout
from regard.records.tensors import DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, Dropout, Stack, why_no_kernel


class PlainDecoder(Decoder):
    """`h_t = f(h_{t−1}, y_{t−1})` from the sentence vector on; the vector may also enter every step.

    Source: at the start only, Sutskever et al. 2014, section 2; at every step and in the output, Cho et al. 2014,
    section 2.2 and appendix A.1.2.
    """

    query_source = "no query: there is no attention"
    context_use = "the fixed sentence vector takes the place of a context"

    def __init__(
        self,
        embedding: nn.Embedding,
        cell: type[Cell],
        hidden_size: int,
        num_layers: int,
        memory_size: int,
        bridge: Bridge,
        dropout: Dropout,
        sentence_vector: str = "start",
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.attention = None
        self.bridge = bridge
        self.dropout = dropout
        self.sentence_vector = sentence_vector
        self.every_step = sentence_vector == "every_step"
        embedding_size = embedding.embedding_dim
        input_size = embedding_size + memory_size if self.every_step else embedding_size
        self.stack = Stack(cell, input_size, hidden_size, num_layers, dropout)
        self.readout = MaxoutReadout(hidden_size, embedding_size, memory_size) if self.every_step else None
        self.parts = cell.parts
        self.combined_size = hidden_size

    def start(self, memory: Memory) -> DecoderState:
        """Return the bridge's states, and the sentence vector if it enters every step."""
        vector = {"sentence": memory.final} if self.every_step else {}
        return DecoderState(name_layers(self.bridge(memory), self.parts) | vector)

    def step(self, token: Tensor, state: DecoderState, memory: Memory) -> DecoderStep:
        """Take one step of all layers."""
        embedded = self.embedding(token)  # (R, E)
        vector = state.tensors.get("sentence")
        inputs = embedded if vector is None else torch.cat([embedded, vector], dim=-1)
        layers = self.stack(
            self.stack.cells[0].project(inputs), read_layers(state, len(self.stack.cells), self.parts)
        )
        kept = {} if vector is None else {"sentence": vector}
        combined = self._combine(layers[-1][0].unsqueeze(1), embedded.unsqueeze(1), vector)
        return DecoderStep(combined, DecoderState(name_layers(layers, self.parts) | kept), None)

    def unroll(self, previous: Tensor, memory: Memory) -> Unrolled:
        """Take all steps layer by layer: every input is known beforehand."""
        embedded = self.dropout(self.embedding(previous))  # (B, T, E)
        inputs, vector = embedded, None
        if self.every_step:
            vector = memory.final
            repeated = vector.unsqueeze(1).expand(-1, previous.shape[1], -1)
            inputs = torch.cat([embedded, repeated], dim=-1)
        hidden = self.stack.unroll(inputs, self.bridge(memory))
        return Unrolled(self._combine(hidden, embedded, vector), None)

    def why_step_by_step(self) -> str | None:
        """Say why the loops of the layers cannot be fused, in words; None if they can."""
        return why_no_kernel(self.stack.cells)

    def _combine(self, hidden: Tensor, embedded: Tensor, vector: Tensor | None) -> Tensor:
        if self.readout is None or vector is None:
            return hidden
        return self.readout(hidden, embedded, vector.unsqueeze(1))  # type: ignore[no-any-return]
