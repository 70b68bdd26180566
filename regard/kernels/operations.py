"""Which loops over numbers run on a tensor: numba's on the CPU, their twins in Triton on a GPU.

Both take the same arguments in the same order; numba's take arrays, Triton's tensors. Whoever goes through many
steps asks once, before the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from regard.kernels import policy
from regard.kernels.compiled import array


@dataclass(frozen=True)
class Operations:
    """`take` gives a tensor as the loops take it, `steps` a block's steps so, all at once and therefore quickly; `of`
    gives the loop that runs in the place of numba's. Gates are kept in `gates` where products run in bfloat16.
    """

    take: Callable[[Tensor], Any]
    steps: Callable[[Tensor], Sequence[Any]]
    of: Callable[[Any], Any]
    gates: torch.dtype

    def __call__(self, operation: Any, *given: Tensor) -> None:
        """Run a loop over tensors."""
        self.of(operation)(*map(self.take, given))


def operations(tensor: Tensor) -> Operations:
    """Those for where a tensor is."""
    return _on_gpu() if policy.on_gpu(tensor) else _ON_CPU


@cache
def _on_gpu() -> Operations:
    from regard.kernels.gpu import TWINS  # needs triton, which a CPU need not have

    return Operations(
        Tensor.detach,
        lambda block: block.detach().unbind(0),
        lambda operation: TWINS[operation.__name__],
        torch.float32,
    )


_ON_CPU = Operations(
    take=array,
    steps=lambda block: list(array(block)),
    of=lambda operation: operation,
    gates=torch.uint16,  # at every step they are the most that is written and read again
)
