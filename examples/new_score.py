"""Write a score function of your own in twenty lines: register it, train with it, look at its weights.

Run: python examples/new_score.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import regard


class DistanceScore(regard.Score):
    """Score by distance, `−|q − W k|²`: the closer an encoder state is to the query, the better it fits."""

    formula = "−|q − W k|²"
    source = "this example"

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.W = nn.Linear(memory_size, query_size, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """Project the encoder states, W k, once per sentence: (B, S, M) to (B, S, Q)."""
        return self.W(values)  # type: ignore[no-any-return]

    def forward(
        self, query: Tensor, keys: Tensor, memory: regard.Memory, state: Mapping[str, Tensor]
    ) -> Tensor:
        """Score every encoder state for every query: (B, T, S)."""
        return -torch.cdist(query, keys).square()


def main() -> None:
    """Train on a small part of the embedded corpus, and translate a sentence."""
    regard.SCORES["distance"] = DistanceScore
    overrides = [
        "--data.grammar_pairs=2000",
        "--data.holdout_pairs=50",
        "--tokeniser.kind=words",
        "--training.max_steps=40",
        "--model.embedding_size=64",
        "--model.encoder.hidden_size=32",
        "--model.decoder.hidden_size=64",
        "--model.decoder.bridge=dense",
        "--model.attention.score=distance",
    ]
    with tempfile.TemporaryDirectory() as folder:
        regard.train("luong2015", out=folder, overrides=overrides)
        translation = regard.load(folder).translate("die alte frau lacht .")
    print(translation.text, translation.attention, sep="\n")


if __name__ == "__main__":
    main()
