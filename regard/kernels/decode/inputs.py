"""What a quick step is made of, and what it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.kernels.ops.attention import AttentionInputs

Best = tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]  # log-probabilities and tokens, best first


@dataclass(frozen=True)
class Layer:
    """A recurrent layer: lstm or gru, the product with its input and the one with its hidden state."""

    cell: str
    project: nn.Linear
    recur: nn.Linear


@dataclass(frozen=True)
class Rows:
    """Where a search stands: the last tokens, states of all layers in a row, and what is fed of what was combined.

    `sentences` are the places in the memory of those that are still written, for each of which as many rows stand
    together.
    """

    tokens: Int[Tensor, " R"]
    states: Sequence[Float[Tensor, "R H"]]
    fed: Float[Tensor, "R C"] | None
    sentences: Int[Tensor, " B"]


@dataclass(frozen=True)
class Written:
    """A step's results: log-probabilities, states of all layers in a row, combined vectors, and the look.

    V is 0 where only the best tokens were asked for.
    """

    log_probabilities: Float[Tensor, "R V"]
    states: Sequence[Float[Tensor, "R H"]]
    combined: Float[Tensor, "R C"]
    scores: Float[Tensor, "R S"]
    weights: Float[Tensor, "R S"]
    context: Float[Tensor, "R M"]


@dataclass(frozen=True)
class Parts:
    """A decoder with its vocabulary over the memory of some sentences.

    `after`: it looks with the new state, as `loops.luong_unroll`, and `feed` is what it feeds; `combine` has one
    weight. Otherwise it looks with the old one, as `loops.bahdanau_unroll`; `feed` is the context's way into the
    cell, and `combine` the three of a maxout layer: of state, word and context.
    """

    embedding: nn.Embedding
    layers: Sequence[Layer]
    looking: AttentionInputs
    feed: nn.Linear | None
    combine: Sequence[nn.Linear]
    head: nn.Linear
    after: bool

    @property
    def gru(self) -> bool:
        """Whether the cells are gated recurrent units."""
        return self.layers[0].cell == "gru"

    @property
    def of_state(self) -> int:
        """How many tensors a layer's state has."""
        return 1 if self.gru else 2

    @property
    def products(self) -> list[nn.Linear]:
        """All of them but the look's."""
        cells = [part for layer in self.layers for part in (layer.project, layer.recur)]
        return [self.head, *self.combine, *cells, *([] if self.feed is None else [self.feed])]

    def room(self, states: Sequence[Tensor], vocabulary: int = 0) -> Written:
        """For what a step of these rows makes; log-probabilities only for so many tokens."""
        rows, places, width = len(states[0]), self.looking.valid.shape[1], self.looking.values.shape[-1]
        combined = len(self.combine[0].weight) // (1 if self.after else 2)
        return Written(
            torch.empty(rows, vocabulary),
            [torch.empty(state.shape) for state in states],
            torch.empty(rows, combined),
            torch.full((rows, places), -torch.inf),
            torch.empty(rows, places),
            torch.empty(rows, width),
        )
