"""A score that depends on the steps before, to show that such parts work."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from regard.attention import Score
from regard.records.tensors import Memory


class RepellingScore(Score):
    """`q · k`, less the weights of all steps before; those of the last step count twice."""

    formula = "q · k − 3 coverage − previous"
    source = "these tests"
    sequential = True

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:

        return query @ keys.mT - 3 * state["coverage"] - state["previous"]
