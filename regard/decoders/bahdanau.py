"""The decoder of the first attention paper: attend with the old state, then step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.decoders.base import (
    Decoder,
    fused_step,
    loop_attention,
    name_attention,
    name_layers,
    read_layers,
    why_not_fused,
)
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
        """Return the bridge's state."""
        states = name_layers(self.bridge(memory), self.cell.parts)
        return DecoderState(states | name_attention(self.attention.start(memory)))

    def step(self, token: Tensor, state: DecoderState, memory: Memory) -> DecoderStep:
        """Attend with the old state, then move."""
        embedded = self.embedding(token)  # (R, E)
        new, attention = self._advance(self.cell.project(embedded), state, memory)
        hidden = new["layer0.hidden"]
        combined = self.readout(hidden.unsqueeze(1), embedded.unsqueeze(1), attention.context)
        return DecoderStep(combined, new, attention)

    def unroll(self, previous: Tensor, memory: Memory) -> Unrolled:
        """Take all steps; the inputs' product and the readout are taken over all steps at once."""
        embedded = self.dropout(self.embedding(previous))  # (B, T, E)
        if (attention := loop_attention(self, self.attention, embedded, memory)) is not None:
            return self.unroll_fused(embedded, memory, attention)
        state, hidden, steps = self.start(memory), [], []
        with kernels.deferred_weight_grads():
            for projected in self.cell.project_steps(embedded):
                state, step = self._advance(projected, state, memory)
                hidden.append(state["layer0.hidden"])
                steps.append(step)
        contexts = torch.cat([step.context for step in steps], dim=1)
        combined = self.readout(torch.stack(hidden, dim=1), embedded, contexts)
        return Unrolled(combined, torch.cat([step.weights for step in steps], dim=1))

    def unroll_fused(self, embedded: Tensor, memory: Memory, attention: kernels.LoopAttention) -> Unrolled:
        """Take all steps as one operation; `embedded` (B, T, E)."""
        start = read_layers(self.start(memory), 1, self.cell.parts)[0]
        layer = kernels.UnrolledLayer(self.cell.recurrence, start, [self.context_gates.weight])
        projected = self.cell.project(embedded.transpose(0, 1))
        outputs = kernels.bahdanau_unroll(layer, attention, projected)
        hidden, contexts, weights = (part.transpose(0, 1) for part in outputs)
        return Unrolled(self.readout(hidden, embedded, contexts), weights)

    def why_step_by_step(self) -> str | None:
        """Say why `unroll` cannot be fused, in words; None if it can."""
        reason = why_not_fused(self, "unroll_fused", [self.cell], [self.context_gates], None)
        return reason or self.attention.why_step_by_step(self.embedding.weight)

    def fused_step(self, memory: Memory, head: nn.Linear) -> kernels.FusedStep | None:
        """Return steps and output layer as one operation; None if `why_no_fused_step`."""
        if self.why_no_fused_step() is not None:
            return None
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

    def why_no_fused_step(self) -> str | None:
        """Say why a search cannot take fused steps, in words; None if it can."""
        if type(self.readout) is not MaxoutReadout:
            return f"{type(self.readout).__name__} may change what MaxoutReadout does"
        products = self.context_gates, self.readout.U, self.readout.V, self.readout.C
        return (
            why_not_fused(self, "fused_step", [self.cell], products, None) or self.attention.why_no_kernel()
        )

    def query_of(self, state: DecoderState, step: DecoderStep) -> Tensor:
        """Return the state before the step."""
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
