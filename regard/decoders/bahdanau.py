"""The decoder of the first attention paper: attend with the old state, then step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.decoders.base import Decoder, fused_step, name_attention, name_layers, read_layers
from regard.decoders.bridges import Bridge
from regard.decoders.readout import MaxoutReadout
from regard.records.tensors import AttentionStep, DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, Dropout


class BahdanauDecoder(Decoder):
    """`c_i = attend(s_{i−1})`, `s_i = f(s_{i−1}, y_{i−1}, c_i)`, output from s_i, y_{i−1} and c_i.

    Source: Bahdanau et al. 2015, sections 3.1 and A.2.2. One layer.
    """

    query_source = "the decoder state before the step, s_{i-1}"
    context_use = "enters the recurrent cell with the last word, and the output layer"
    attention: Attention

    def __init__(
        self,
        embedding: nn.Embedding,
        cell: type[Cell],
        hidden_size: int,
        memory_size: int,
        attention: Attention,
        bridge: Bridge,
        dropout: Dropout,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.attention = attention
        self.bridge = bridge
        self.dropout = dropout
        self.cell = cell(embedding.embedding_dim, hidden_size)
        self.context_gates = kernels.Linear(memory_size, cell.num_gates * hidden_size, bias=False)
        self.readout = MaxoutReadout(hidden_size, embedding.embedding_dim, memory_size)
        self.combined_size = hidden_size
        self.query_size = hidden_size

    def start(self, memory: Memory) -> DecoderState:
        """The bridge's state."""
        states = name_layers(self.bridge(memory), self.cell.parts)
        return DecoderState(states | name_attention(self.attention.start(memory)))

    def step(self, token: Tensor, state: DecoderState, memory: Memory) -> DecoderStep:
        """Attend, then move."""
        embedded = self.embedding(token)  # (R, E)
        new, attention = self._advance(self.cell.project(embedded), state, memory)
        hidden = new["layer0.hidden"]
        combined = self.readout(hidden.unsqueeze(1), embedded.unsqueeze(1), attention.context)
        return DecoderStep(combined, new, attention)

    def unroll(self, previous: Tensor, memory: Memory) -> Unrolled:
        """The input's product and the output layer are taken over all steps at once."""
        embedded = self.dropout(self.embedding(previous))  # (B, T, E)
        inputs = self.attention.kernel_inputs(memory)
        if inputs is not None and self.cell.kernel and kernels.fused(embedded):
            start = read_layers(self.start(memory), 1, self.cell.parts)[0]
            projected = self.cell.project(embedded.transpose(0, 1))
            made = kernels.bahdanau_unroll(
                self.cell.recurrence, inputs, self.context_gates.weight, projected, start
            )
            states, contexts, weights = (part.transpose(0, 1) for part in made)
            return Unrolled(self.readout(states, embedded, contexts), weights)
        state, hidden, looks = self.start(memory), [], []
        with kernels.deferred_weight_grads():
            for projected in self.cell.project_steps(embedded):
                state, attention = self._advance(projected, state, memory)
                hidden.append(state["layer0.hidden"])
                looks.append(attention)
        contexts = torch.cat([look.context for look in looks], dim=1)
        combined = self.readout(torch.stack(hidden, dim=1), embedded, contexts)
        return Unrolled(combined, torch.cat([look.weights for look in looks], dim=1))

    def fused_step(self, memory: Memory, head: nn.Linear) -> kernels.FusedStep | None:
        """Steps and output layer as one operation; None where the score or the cell has no kernels."""
        return fused_step(
            self.embedding,
            [self.cell],
            self.attention,
            memory,
            feed=self.context_gates,
            combine=[self.readout.U, self.readout.V, self.readout.C],
            head=head,
            attend_first=True,
        )

    def query_of(self, state: DecoderState, step: DecoderStep) -> Tensor:
        """The state before the step."""
        return state["layer0.hidden"]

    def _advance(
        self, projected: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[DecoderState, AttentionStep]:
        query = state["layer0.hidden"].unsqueeze(1)  # (R, 1, Q)
        attention = self.attention.step(query, memory, state.group("attention"))
        gates = projected + self.context_gates(attention.context.squeeze(1))
        new = self.cell(gates, tuple(state[f"layer0.{part}"] for part in self.cell.parts))
        named = name_layers([new], self.cell.parts) | name_attention(attention.state)
        return DecoderState(named), attention
