"""The deep output of two papers: state, last token and context are joined before the output layer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels


class MaxoutReadout(nn.Module):
    """`t̃ = U s + V E y + C c`, of which the larger of every two neighbours is the output.

    Source: Bahdanau et al. 2015, appendix A.2.2; Cho et al. 2014, appendix A.1.2 with the sentence vector for c.
    Bahdanau's appendix takes the state before the step, his equation 4 the one after it; here the one after.
    """

    def __init__(self, hidden_size: int, embedding_size: int, context_size: int) -> None:
        super().__init__()
        self.U = kernels.Linear(hidden_size, 2 * hidden_size)
        self.V = kernels.Linear(embedding_size, 2 * hidden_size, bias=False)
        self.C = kernels.Linear(context_size, 2 * hidden_size, bias=False)

    def forward(
        self,
        hidden: Float[Tensor, "B T H"],
        embedded: Float[Tensor, "B T E"],
        context: Float[Tensor, "B #T M"],
    ) -> Float[Tensor, "B T H"]:
        """Return the combined vectors (B, T, H); one context for all steps is passed as (B, 1, M)."""
        pairs: Tensor = self.U(hidden) + self.V(embedded) + self.C(context)  # (B, T, 2H)
        return torch.amax(pairs.unflatten(-1, (-1, 2)), dim=-1)
