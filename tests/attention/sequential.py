"""A score that looks at the steps before, to show that the door for such parts works."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from regard.attention import Score
from regard.records.tensors import Memory


class RepellingScore(Score):
    """`q · k`, less what was looked at before; the last look counts once more."""

    formula = "q · k − 3 coverage − previous"
    source = "these tests"
    sequential = True

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:

        return query @ keys.mT - 3 * state["coverage"] - state["previous"]
