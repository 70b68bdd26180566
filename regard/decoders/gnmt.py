"""The decoder of Google's neural machine translation system."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.decoders.base import (
    Decoder,
    loop_attention,
    name_attention,
    name_layers,
    read_layers,
    why_not_fused,
)
from regard.decoders.bridges import Bridge
from regard.errors import ConfigError
from regard.records.tensors import AttentionStep, DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, CellState, Dropout, Masks, Stack


class GNMTDecoder(Decoder):
    """Attend from the bottom layer, feed the context to every layer, residual connections from the third on.

    With `query_step` "previous", as in the paper, the query is the bottom layer's state of the step before, and the
    context enters all layers of this step. With "current", as in later code (Luong et al. 2017, the gnmt_v2
    architecture of the tensorflow/nmt tutorial), the bottom layer moves first, with the context of the step before,
    and its new state is the query.
    Source: Wu et al. 2016, section 3, equation 4 and figure 1. Raises ConfigError for fewer than 2 layers.
    """

    query_source = "the bottom decoder layer's state"
    context_use = "enters every layer of the decoder"
    attention: Attention

    def __init__(
        self,
        embedding: nn.Embedding,
        cell: type[Cell],
        hidden_size: int,
        num_layers: int,
        memory_size: int,
        attention: Attention,
        bridge: Bridge,
        dropout: Dropout,
        query_step: str = "previous",
    ) -> None:
        super().__init__()
        if num_layers < 2:
            raise ConfigError(
                "model.decoder.num_layers: gnmt attends from its bottom layer and feeds the layers above, so it "
                f"has 2 or more; got {num_layers}: raise it or choose another decoder"
            )
        self.embedding = embedding
        self.attention = attention
        self.bridge = bridge
        self.dropout = dropout
        self.stack = Stack(cell, embedding.embedding_dim, hidden_size, num_layers, dropout)
        self.context_gates = nn.ModuleList(
            kernels.Linear(memory_size, cell.num_gates * hidden_size, bias=False) for _ in range(num_layers)
        )
        self.memory_size = memory_size
        self.query_step = query_step
        self.parts = cell.parts
        self.combined_size = hidden_size
        self.query_size = hidden_size

    def start(self, memory: Memory) -> DecoderState:
        """Return the bridge's states, and with the current query zeros for the context of the step before."""
        layers = name_layers(self.bridge(memory), self.parts)
        zeros = memory.final.new_zeros(len(memory.final), self.memory_size)
        context = {"context": zeros} if self.query_step == "current" else {}
        return DecoderState(layers | context | name_attention(self.attention.start(memory)))

    def step(self, token: Tensor, state: DecoderState, memory: Memory) -> DecoderStep:
        """Take one step of all layers."""
        projected = self.stack.cells[0].project(self.embedding(token))
        combined, new, attention = self._advance(projected, state, memory, None)
        return DecoderStep(combined.unsqueeze(1), new, attention)

    def unroll(self, previous: Tensor, memory: Memory) -> Unrolled:
        """Take all steps; the bottom layer's inputs are projected for all steps at once."""
        embedded = self.dropout(self.embedding(previous))  # (B, T, E)
        if (attention := loop_attention(self, self.attention, embedded, memory)) is not None:
            return self.unroll_fused(embedded, memory, attention)
        masks = self.stack.masks(len(previous), previous.shape[1], embedded)
        state, combined, weights = self.start(memory), [], []
        with kernels.deferred_weight_grads():
            for projected, mask in zip(self.stack.cells[0].project_steps(embedded), masks, strict=True):
                top, state, step = self._advance(projected, state, memory, mask)
                combined.append(top)
                weights.append(step.weights)
        return Unrolled(torch.stack(combined, dim=1), torch.cat(weights, dim=1))

    def unroll_fused(self, embedded: Tensor, memory: Memory, attention: kernels.LoopAttention) -> Unrolled:
        """Take all steps as one operation; `embedded` (B, T, E)."""
        bottom, *upper = self.stack.cells
        (start, *starts), (gates, *upper_gates) = self.bridge(memory), self._gates
        layers = [kernels.UnrolledLayer(bottom.recurrence, start, [gates.weight])]
        for cell, state, gates in zip(upper, starts, upper_gates, strict=True):
            project = cell.project
            layers.append(
                kernels.UnrolledLayer(cell.recurrence, state, [project.weight, gates.weight], project.bias)
            )
        masks = self.stack.mask_blocks(len(embedded), embedded.shape[1], embedded)
        projected = bottom.project(embedded.transpose(0, 1))
        outputs = kernels.gnmt_unroll(layers, masks, attention, projected, self.query_step == "current")
        combined, weights = (part.transpose(0, 1) for part in outputs)
        return Unrolled(combined, weights)

    def why_step_by_step(self) -> str | None:
        """Say why `unroll` cannot be fused, in words; None if it can."""
        reason = why_not_fused(self, "unroll_fused", list(self.stack.cells), self._gates, self.stack)
        return reason or self.attention.why_step_by_step(self.embedding.weight)

    def query_of(self, state: DecoderState, step: DecoderStep) -> Tensor:
        """Return the bottom state, before or after the step."""
        return (step.state if self.query_step == "current" else state)["layer0.hidden"]

    @property
    def _gates(self) -> list[nn.Linear]:
        return list(self.context_gates)  # type: ignore[arg-type]

    def _advance(
        self, projected: Tensor, state: DecoderState, memory: Memory, mask: Masks
    ) -> tuple[Tensor, DecoderState, AttentionStep]:
        layers = read_layers(state, len(self.stack.cells), self.parts)
        if self.query_step == "current":
            bottom = self.stack.cells[0](projected + self.context_gates[0](state["context"]), layers[0])
            attention = self._attend(bottom[0], state, memory)
            context = attention.context.squeeze(1)
            kept = {"context": context}
        else:
            attention = self._attend(layers[0][0], state, memory)
            context = attention.context.squeeze(1)
            bottom = self.stack.cells[0](projected + self.context_gates[0](context), layers[0])
            kept = {}
        top, new = self._move_upper(bottom, layers, context, mask)
        named = name_layers(new, self.parts) | kept | name_attention(attention.state)
        return top, DecoderState(named), attention

    def _attend(self, query: Tensor, state: DecoderState, memory: Memory) -> AttentionStep:
        return self.attention.step(query.unsqueeze(1), memory, state.group("attention"))

    def _move_upper(
        self, bottom: CellState, layers: list[CellState], context: Tensor, mask: Masks
    ) -> tuple[Tensor, list[CellState]]:
        """Take a step of the layers above the bottom; return the top output and the new states of all layers."""
        output, new = bottom[0], [bottom]
        for layer in range(1, len(layers)):
            inputs = output if mask is None else output * mask[layer - 1]
            cell = self.stack.cells[layer]
            new.append(cell(cell.project(inputs) + self.context_gates[layer](context), layers[layer]))
            output = new[-1][0] + inputs if layer >= 2 else new[-1][0]
        return output, new
