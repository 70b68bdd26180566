"""The interface of every encoder."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from regard import kernels
from regard.records.tensors import Memory
from regard.recurrent import Cell, loop_choice, why_no_kernel


class Encoder(nn.Module):
    """Turns embedded source tokens into a memory: a state per token and the last state, the sentence vector.

    `memory_size` is M, the width of its states; `num_layers` and `cell` say what `Memory.final_layers` holds, and
    `reading` in words in which direction its layers read.
    """

    memory_size: int
    num_layers: int
    cell: type[Cell]
    reading: str

    def forward(self, embedded: Float[Tensor, "B S E"], valid: Bool[Tensor, "B S"]) -> Memory:
        """Return the memory of each sentence, which does not depend on the padding."""
        raise TypeError(f"{type(self).__name__} promises a memory but has none")

    def loop_backend(self, like: Tensor) -> kernels.Choice:
        """Return the form that the loops of its cells take in training on tensors like this one, and why."""
        cells = [module for module in self.modules() if isinstance(module, Cell)]
        return loop_choice(why_no_kernel(cells), like)
