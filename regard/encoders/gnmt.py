"""The encoder of Google's neural machine translation system."""

from __future__ import annotations

import torch
from torch import Tensor

from regard import kernels
from regard.encoders.base import Encoder
from regard.errors import ConfigError
from regard.records.tensors import Memory
from regard.recurrent import Cell, CellList, Dropout, run


class GNMTEncoder(Encoder):
    """Both directions in the bottom layer, one direction above, residual connections from the third layer on.

    Source: Wu et al. 2016, sections 3.1 (residual, equation 7) and 3.2 (bidirectional bottom, figure 3).
    M is `hidden_size`. Raises ConfigError for fewer than 2 layers.
    """

    reading = "the bottom one in both directions, the others forwards"

    def __init__(
        self, cell: type[Cell], input_size: int, hidden_size: int, num_layers: int, dropout: Dropout
    ) -> None:
        super().__init__()
        if num_layers < 2:
            raise ConfigError(
                f"model.encoder.num_layers: gnmt has a bidirectional bottom layer and at least one above it, "
                f"so 2 or more; got {num_layers}: raise it or choose the recurrent encoder"
            )
        self.cell = cell
        self.num_layers = num_layers
        self.memory_size = hidden_size
        sizes = [input_size, 2 * hidden_size, *[hidden_size] * (num_layers - 2)]
        self.backward = cell(input_size, hidden_size)
        self.cells = CellList(cell(size, hidden_size) for size in sizes)
        self.dropout = dropout

    def forward(self, embedded: Tensor, valid: Tensor) -> Memory:
        """Return values (B, S, M), zero at padding; `final` (B, M) is the top layer's last state.

        The bottom layer's entry in `final_layers` is its forward direction's.
        """
        rows, packing = len(embedded), kernels.packing(valid, embedded)
        states, final = run(self.cells[0], embedded, self.cells[0].zero(rows), valid, packing=packing)
        back, _ = run(self.backward, embedded, self.backward.zero(rows), valid, True, packing)
        states, finals = torch.cat([states, back], dim=-1), [final]
        for layer, cell in enumerate(self.cells):
            if layer == 0:
                continue
            inputs = self.dropout(states)
            states, final = run(cell, inputs, cell.zero(rows), valid, packing=packing)
            states = states + inputs if layer >= 2 else states
            finals.append(final)
        return Memory(states, valid, final=finals[-1][0], final_layers=tuple(finals))
