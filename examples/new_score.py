"""Your own score function in twenty lines: register it, train with it, see its weights.

Run: python examples/new_score.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import regard


class DistanceScore(regard.Score):
    """Score by nearness, `−|q − W k|²`: the closer an encoder state lies to the query, the better it fits."""

    formula = "−|q − W k|²"
    source = "this example"

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.W = nn.Linear(memory_size, query_size, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """Return W k for every encoder state, computed once a sentence."""
        return self.W(values)  # type: ignore[no-any-return]

    def forward(
        self, query: Tensor, keys: Tensor, memory: regard.Memory, state: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the scores (B, T, S)."""
        return -torch.cdist(query, keys).square()


def main() -> None:
    """Train on a little of the embedded corpus, and translate."""
    regard.SCORES["distance"] = DistanceScore
    small = [
        "--data.grammar_pairs=2000",
        "--data.holdout_pairs=50",
        "--training.max_steps=40",
        "--tokeniser.kind=words",
    ]
    sizes = ["--model.encoder.hidden_size=32", "--model.decoder.hidden_size=64", "--model.embedding_size=64"]
    with tempfile.TemporaryDirectory() as folder:
        regard.train(
            "luong2015",
            out=folder,
            overrides=[*small, *sizes, "--model.attention.score=distance", "--model.decoder.bridge=dense"],
        )
        translation = regard.load(folder).translate("die alte frau lacht .")
    print(translation.text, translation.attention, sep="\n")


if __name__ == "__main__":
    main()
