"""Luong's decoder: step, then attend with the new state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.decoders.base import Decoder, fused_step, name_attention, name_layers, read_layers
from regard.decoders.bridges import Bridge
from regard.records.tensors import AttentionStep, DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, CellState, Dropout, Masks, Stack


class LuongDecoder(Decoder):
    """`h_t = f(h_{t−1}, y_{t−1})`, `c_t = attend(h_t)`, `h̃_t = tanh(W [c_t; h_t])` to the vocabulary.

    With `input_feeding`, h̃_{t−1} enters the cell beside the last word, so that what was attended to before is
    known. Without it nothing of attention enters the recurrence, and training attends with all steps at once.
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
        """The bridge's states; nothing has been combined yet, so zeros are fed."""
        layers = self.bridge(memory)
        fed = {} if self.feed is None else {"combined": torch.zeros_like(layers[-1][0])}
        return DecoderState(
            name_layers(layers, self.parts) | fed | name_attention(self.attention.start(memory))
        )

    def step(self, token: Tensor, state: DecoderState, memory: Memory) -> DecoderStep:
        """Move, attend, combine."""
        projected = self.stack.cells[0].project(self.embedding(token))
        layers = self._move(projected, state, None)
        combined, attention = self._attend(layers[-1][0], state, memory)
        return DecoderStep(combined.unsqueeze(1), self._state(layers, combined, attention), attention)

    def unroll(self, previous: Tensor, memory: Memory) -> Unrolled:
        """All at once where nothing sequential stands in the way, else in a loop."""
        embedded = self.dropout(self.embedding(previous))  # (B, T, E)
        if self.feed is None and not self.attention.sequential:
            return self._unroll_parallel(embedded, memory)
        inputs = self.attention.kernel_inputs(memory)
        if inputs is not None and self.cell.kernel and kernels.fused(embedded):
            return self._unroll_fused(embedded, memory, inputs)
        masks = self.stack.masks(len(previous), previous.shape[1], embedded)
        state, combined, weights = self.start(memory), [], []
        with kernels.deferred_weight_grads():
            for projected, mask in zip(self.stack.cells[0].project_steps(embedded), masks, strict=True):
                layers = self._move(projected, state, mask)
                said, attention = self._attend(layers[-1][0], state, memory)
                state = self._state(layers, said, attention)
                combined.append(said)
                weights.append(attention.weights)
        return Unrolled(torch.stack(combined, dim=1), torch.cat(weights, dim=1))

    def fused_step(self, memory: Memory, head: nn.Linear) -> kernels.FusedStep | None:
        """Steps and output layer as one operation; None where the score or the cell has no kernels."""
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

    def query_of(self, state: DecoderState, step: DecoderStep) -> Tensor:
        """The top state after the step."""
        return read_layers(step.state, len(self.stack.cells), self.parts)[-1][0]

    def _unroll_parallel(self, embedded: Tensor, memory: Memory) -> Unrolled:
        hidden = self.stack.unroll(embedded, self.bridge(memory))  # (B, T, H)
        attention = self.attention.step(hidden, memory, {})
        return Unrolled(self._combine(attention.context, hidden), attention.weights)

    def _unroll_fused(self, embedded: Tensor, memory: Memory, inputs: kernels.AttentionInputs) -> Unrolled:
        assert self.feed is not None
        cells = self.stack.cells
        combined, weights = kernels.luong_unroll(
            [cell.recurrence for cell in cells],
            [(cell.project.weight, cell.project.bias) for cell in list(cells)[1:]],
            self.stack.mask_blocks(len(embedded), embedded.shape[1], embedded),
            inputs,
            self.feed.weight,
            self.combine.weight,
            cells[0].project(embedded.transpose(0, 1)),
            [part for layer in self.bridge(memory) for part in layer],
        )
        return Unrolled(combined.transpose(0, 1), weights.transpose(0, 1))

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
