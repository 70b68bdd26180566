"""The recurrent encoder: one or both directions, one or several layers."""

from __future__ import annotations

import torch
from torch import Tensor

from regard import kernels
from regard.encoders.base import Encoder
from regard.records.tensors import Memory
from regard.recurrent import Cell, CellList, CellState, Dropout, run


class RecurrentEncoder(Encoder):
    """An RNN over the sentence, or two in opposite directions whose states are concatenated.

    Source: both directions, Bahdanau et al. 2015, section 3.2 (h_j = [→h_j; ←h_j]); one direction, Cho et al.
    2014 and Sutskever et al. 2014. `backward` makes a single direction read from the end: the reversed source
    of Sutskever et al. 2014, section 3.3, while every state keeps the position of its token.
    M is `hidden_size`, twice that if bidirectional. The last state of a direction is the one it ends on.
    """

    def __init__(
        self,
        cell: type[Cell],
        input_size: int,
        hidden_size: int,
        num_layers: int,
        dropout: Dropout,
        bidirectional: bool = True,
        backward: bool = False,
    ) -> None:
        super().__init__()
        self.directions = (False, True) if bidirectional else (backward,)
        self.reading = (
            "in both directions"
            if bidirectional
            else "from the last token to the first"
            if backward
            else "forwards"
        )
        self.cell = cell
        self.num_layers = num_layers
        self.memory_size = hidden_size * len(self.directions)
        sizes = [input_size, *[self.memory_size] * (num_layers - 1)]
        self.cells = CellList(cell(size, hidden_size) for size in sizes for _ in self.directions)
        self.dropout = dropout

    def forward(self, embedded: Tensor, valid: Tensor) -> Memory:
        """Return values (B, S, M), zero at padding; `final` (B, M) is the top layer's last state."""
        states, finals = embedded, []
        packing = kernels.packing(valid, embedded)
        for layer in range(self.num_layers):
            if layer > 0:
                states = self.dropout(states)
            states, final = self._layer(layer, states, valid, packing)
            finals.append(final)
        return Memory(states, valid, final=finals[-1][0], final_layers=tuple(finals))

    def _layer(
        self, layer: int, inputs: Tensor, valid: Tensor, packing: kernels.Packing | None
    ) -> tuple[Tensor, CellState]:
        outputs: list[Tensor] = []
        finals: list[CellState] = []
        for direction, reverse in enumerate(self.directions):
            cell = self.cells[layer * len(self.directions) + direction]
            hidden, final = run(cell, inputs, cell.zero(len(inputs)), valid, reverse, packing)
            outputs.append(hidden)
            finals.append(final)
        return torch.cat(outputs, dim=-1), tuple(
            torch.cat(part, dim=-1) for part in zip(*finals, strict=True)
        )
