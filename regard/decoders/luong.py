"""Luong's decoder: step, then attend with the new state."""

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
from regard.records.tensors import AttentionStep, DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, CellState, Dropout, Masks, Stack, why_no_kernel


class LuongDecoder(Decoder):
    """`h_t = f(h_{t−1}, y_{t−1})`, `c_t = attend(h_t)`, `h̃_t = tanh(W [c_t; h_t])` to the vocabulary.

    With `input_feeding`, h̃_{t−1} enters the cell with the last token, so that the cell knows what was attended to
    before. Without it nothing of attention enters the recurrence, and training attends with all steps at once.
    Source: Luong et al. 2015, sections 3 (equation 5) and 3.3 (input feeding).
    """

    query_source = "the top decoder state after the step, h_t"
    context_use = "joins the decoder state in h̃_t, which goes to the vocabulary"
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
        input_feeding: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.attention = attention
        self.bridge = bridge
        self.dropout = dropout
        self.stack = Stack(cell, embedding.embedding_dim, hidden_size, num_layers, dropout)
        self.combine = kernels.Linear(memory_size + hidden_size, hidden_size, bias=False)
        self.feed = (
            kernels.Linear(hidden_size, cell.num_gates * hidden_size, bias=False) if input_feeding else None
        )
        self.input_feeding = input_feeding
        self.cell = cell
        self.parts = cell.parts
        self.combined_size = hidden_size
        self.query_size = hidden_size

    def start(self, memory: Memory) -> DecoderState:
        """Return the bridge's states, and zeros to be fed, for nothing has been combined yet."""
        layers = self.bridge(memory)
        fed = {} if self.feed is None else {"combined": torch.zeros_like(layers[-1][0])}
        return DecoderState(
            name_layers(layers, self.parts) | fed | name_attention(self.attention.start(memory))
        )

    def step(self, token: Tensor, state: DecoderState, memory: Memory) -> DecoderStep:
        """Move, attend with the new state, combine."""
        projected = self.stack.cells[0].project(self.embedding(token))
        layers = self._move(projected, state, None)
        combined, attention = self._attend(layers[-1][0], state, memory)
        return DecoderStep(combined.unsqueeze(1), self._state(layers, combined, attention), attention)

    def unroll(self, previous: Tensor, memory: Memory) -> Unrolled:
        """Take all steps: at once where no step depends on the attention before, else in a loop."""
        embedded = self.dropout(self.embedding(previous))  # (B, T, E)
        if self._is_parallel:
            return self.unroll_parallel(embedded, memory)
        if (attention := loop_attention(self, self.attention, embedded, memory)) is not None:
            return self.unroll_fused(embedded, memory, attention)
        masks = self.stack.masks(len(previous), previous.shape[1], embedded)
        state, outputs, weights = self.start(memory), [], []
        with kernels.deferred_weight_grads():
            for projected, mask in zip(self.stack.cells[0].project_steps(embedded), masks, strict=True):
                layers = self._move(projected, state, mask)
                combined, step = self._attend(layers[-1][0], state, memory)
                state = self._state(layers, combined, step)
                outputs.append(combined)
                weights.append(step.weights)
        return Unrolled(torch.stack(outputs, dim=1), torch.cat(weights, dim=1))

    def unroll_parallel(self, embedded: Tensor, memory: Memory) -> Unrolled:
        """Take all steps layer by layer, then attend with all of them at once; `embedded` (B, T, E)."""
        hidden = self.stack.unroll(embedded, self.bridge(memory))  # (B, T, H)
        attention = self.attention.step(hidden, memory, {})
        return Unrolled(self._combine(attention.context, hidden), attention.weights)

    def unroll_fused(self, embedded: Tensor, memory: Memory, attention: kernels.LoopAttention) -> Unrolled:
        """Take all steps as one operation, with input feeding; `embedded` (B, T, E)."""
        assert self.feed is not None
        bottom, *upper = self.stack.cells
        start, *starts = self.bridge(memory)
        layers = [kernels.UnrolledLayer(bottom.recurrence, start, [self.feed.weight])]
        for cell, state in zip(upper, starts, strict=True):
            project = cell.project
            layers.append(kernels.UnrolledLayer(cell.recurrence, state, [project.weight], project.bias))
        masks = self.stack.mask_blocks(len(embedded), embedded.shape[1], embedded)
        projected = bottom.project(embedded.transpose(0, 1))
        outputs = kernels.luong_unroll(layers, masks, attention, self.combine.weight, projected)
        combined, weights = (part.transpose(0, 1) for part in outputs)
        return Unrolled(combined, weights)

    def why_step_by_step(self) -> str | None:
        """Say why `unroll` cannot be fused, in words; None if it can."""
        if self._is_parallel:
            return why_no_kernel(self.stack.cells)
        products = self.feed, self.combine
        reason = why_not_fused(self, "unroll_fused", list(self.stack.cells), products, self.stack)
        reason = reason or ("there is no input feeding" if self.feed is None else None)
        return reason or self.attention.why_step_by_step(self.embedding.weight)

    def fused_step(self, memory: Memory, head: nn.Linear) -> kernels.FusedStep | None:
        """Return steps and output layer as one operation; None if `why_no_fused_step`."""
        if self.why_no_fused_step() is not None:
            return None
        return fused_step(
            self.embedding,
            list(self.stack.cells),
            self.attention,
            memory,
            feed=self.feed,
            combine=[self.combine],
            head=head,
            attend_first=False,
        )

    def why_no_fused_step(self) -> str | None:
        """Say why a search cannot take fused steps, in words; None if it can."""
        products = self.feed, self.combine
        reason = why_not_fused(self, "fused_step", list(self.stack.cells), products, self.stack)
        return reason or self.attention.why_no_kernel()

    def query_of(self, state: DecoderState, step: DecoderStep) -> Tensor:
        """Return the top state after the step."""
        return read_layers(step.state, len(self.stack.cells), self.parts)[-1][0]

    @property
    def _is_parallel(self) -> bool:
        """Whether training attends with all steps at once."""
        return (
            self.feed is None and not self.attention.sequential and kernels.declares(self, "unroll_parallel")
        )

    def _move(self, projected: Tensor, state: DecoderState, mask: Masks) -> list[CellState]:
        if self.feed is not None:
            projected = projected + self.feed(state["combined"])
        return self.stack(projected, read_layers(state, len(self.stack.cells), self.parts), mask)  # type: ignore[no-any-return]

    def _attend(self, hidden: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, AttentionStep]:
        attention = self.attention.step(hidden.unsqueeze(1), memory, state.group("attention"))
        return self._combine(attention.context.squeeze(1), hidden), attention

    def _combine(self, context: Tensor, hidden: Tensor) -> Tensor:
        return torch.tanh(self.combine(torch.cat([context, hidden], dim=-1)))

    def _state(self, layers: list[CellState], combined: Tensor, attention: AttentionStep) -> DecoderState:
        fed = {} if self.feed is None else {"combined": combined}
        return DecoderState(name_layers(layers, self.parts) | fed | name_attention(attention.state))
