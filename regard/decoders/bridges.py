"""Bridges, step 0: how the encoder's last state becomes the decoder's first.

All are exact for every row of a padded batch, since the encoder's state is frozen at padding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard import kernels
from regard.errors import ConfigError
from regard.records.tensors import Memory
from regard.recurrent import Cell, CellState


class Bridge(nn.Module):
    """Computes the decoder's first state: for each of its layers the tensors (B, H) of its cell's state."""

    def forward(self, memory: Memory) -> list[CellState]:
        """Return one state for each layer."""
        raise TypeError(f"{type(self).__name__} promises a first state but has none")


class ZeroBridge(Bridge):
    """The decoder starts from zeros: all it knows of the source comes through attention."""

    def __init__(self, cell: type[Cell], hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.num_parts = len(cell.parts)

    def forward(self, memory: Memory) -> list[CellState]:
        """Return zeros."""
        zero = memory.final.new_zeros(len(memory.final), self.hidden_size)
        return [(zero,) * self.num_parts] * self.num_layers


class CopyBridge(Bridge):
    """Each decoder layer starts from the last state of the encoder layer at its height.

    Source: Sutskever et al. 2014, section 2. Layers, widths and cells must be equal, or ConfigError.
    """

    def __init__(
        self,
        cell: type[Cell],
        hidden_size: int,
        num_layers: int,
        memory_size: int,
        encoder_cell: type[Cell],
        encoder_layers: int,
    ) -> None:
        super().__init__()
        of_encoder = f"{encoder_layers} × {memory_size} {encoder_cell.__name__}"
        of_decoder = f"{num_layers} × {hidden_size} {cell.__name__}"
        if of_encoder != of_decoder:
            raise ConfigError(
                "model.decoder.bridge copy: encoder and decoder need equal layers, widths and cells; "
                f"the encoder ends on {of_encoder}, the decoder has {of_decoder}: make them equal or choose dense"
            )

    def forward(self, memory: Memory) -> list[CellState]:
        """Return the encoder's own last states."""
        return list(memory.final_layers)


class DenseBridge(Bridge):
    """Each tensor of the first state is `tanh(W x + b)` of the encoder's last state.

    Source: Bahdanau et al. 2015, appendix A.2.2, where x is the backward direction's last state alone.
    """

    def __init__(self, cell: type[Cell], hidden_size: int, num_layers: int, memory_size: int) -> None:
        super().__init__()
        self.shape = (num_layers, len(cell.parts), hidden_size)
        self.dense = kernels.Linear(memory_size, num_layers * len(cell.parts) * hidden_size)

    def forward(self, memory: Memory) -> list[CellState]:
        """Return the states computed from the sentence vector."""
        return self.states_from(memory.final)

    def states_from(self, summary: Tensor) -> list[CellState]:
        """Return one state for each layer, computed from a vector (B, M)."""
        states = torch.tanh(self.dense(summary)).to(summary.dtype).unflatten(-1, self.shape)
        return [tuple(layer.unbind(1)) for layer in states.unbind(1)]


class MeanBridge(Bridge):
    """Each tensor of the first state is `tanh(W x + b)` of the mean of all encoder states.

    Source: Sennrich et al. 2017 (Nematus), section 2. Padding does not count; the mean of no token is 0.
    """

    def __init__(self, cell: type[Cell], hidden_size: int, num_layers: int, memory_size: int) -> None:
        super().__init__()
        self.dense = DenseBridge(cell, hidden_size, num_layers, memory_size)

    def forward(self, memory: Memory) -> list[CellState]:
        """Return the states computed from the mean."""
        count = memory.valid.sum(dim=1, keepdim=True).clamp(min=1)
        return self.dense.states_from((memory.values * memory.valid.unsqueeze(-1)).sum(dim=1) / count)


BRIDGES: dict[str, type[Bridge]] = {
    "zero": ZeroBridge,
    "copy": CopyBridge,
    "dense": DenseBridge,
    "mean": MeanBridge,
}
