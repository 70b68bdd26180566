"""What every encoder promises."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from regard.records.tensors import Memory
from regard.recurrent import Cell


class Encoder(nn.Module):
    """Turns embedded source tokens into a memory: a state per token and the last state, the sentence vector.

    `memory_size` is M, the width of its states; `num_layers` and `cell` say what `Memory.final_layers` holds,
    `reading` in words which way its layers read.
    """

    memory_size: int
    num_layers: int
    cell: type[Cell]
    reading: str

    def forward(self, embedded: Float[Tensor, "B S E"], valid: Bool[Tensor, "B S"]) -> Memory:
        """The memory of each sentence, exact whatever the padding."""
        raise TypeError(f"{type(self).__name__} promises a memory but does not make one")
