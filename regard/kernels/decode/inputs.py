"""The weights, inputs and outputs of a fused decoding step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.errors import ShapeError
from regard.kernels.ops.attention import AttentionInputs
from regard.kernels.shapes import expect_shape

BestTokens = tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]  # log-probabilities and tokens, best first


@dataclass(frozen=True)
class LayerWeights:
    """A recurrent layer, lstm or gru: the products with its input and with its hidden state."""

    cell: str
    project: nn.Linear
    recur: nn.Linear


@dataclass(frozen=True)
class StepInput:
    """The rows of a search before a step: last tokens, states of all layers in one list, and the last `combined`.

    `fed` is None without input feeding. `sentences` are the indices in the memory of those still being decoded;
    the rows of a sentence are consecutive, and each sentence has equally many.
    """

    tokens: Int[Tensor, " R"]
    states: Sequence[Float[Tensor, "R H"]]
    fed: Float[Tensor, "R C"] | None
    sentences: Int[Tensor, " B"]


@dataclass(frozen=True)
class StepOutput:
    """The results of a step: log-probabilities, new states of all layers in one list, combined vectors, attention.

    V is 0 where only the best tokens were asked for.
    """

    log_probabilities: Float[Tensor, "R V"]
    states: Sequence[Float[Tensor, "R H"]]
    combined: Float[Tensor, "R C"]
    scores: Float[Tensor, "R S"]
    weights: Float[Tensor, "R S"]
    context: Float[Tensor, "R M"]


@dataclass(frozen=True)
class DecoderWeights:
    """A decoder with its output layer, and the memory of some sentences that it attends to.

    With `attend_first` it attends with the old state, as `unroll.bahdanau`: `feed` takes the context into the cell,
    and `combine` has the three products of a maxout layer, with state, word and context. Otherwise it attends with
    the new state, as `unroll.luong`: `feed` takes the last combined vector into the lowest cell, if there is input
    feeding, and `combine` has one product, with context and state. Raises ShapeError if the memory does not
    fit the states.
    """

    embedding: nn.Embedding
    layers: Sequence[LayerWeights]
    attention: AttentionInputs
    feed: nn.Linear | None
    combine: Sequence[nn.Linear]
    head: nn.Linear
    attend_first: bool

    def __post_init__(self) -> None:
        self.attention.check_shapes(self.layers[0].recur.in_features)

    @property
    def is_gru(self) -> bool:
        """Whether the cells are gated recurrent units."""
        return self.layers[0].cell == "gru"

    @property
    def num_parts(self) -> int:
        """The number of tensors in a layer's state."""
        return 1 if self.is_gru else 2

    @property
    def combined_size(self) -> int:
        """The width of the combined vectors; a maxout layer takes the maximum of pairs."""
        return self.combine[0].out_features // (2 if self.attend_first else 1)

    @property
    def products(self) -> list[nn.Linear]:
        """All linear layers but the attention's."""
        cells = [product for layer in self.layers for product in (layer.project, layer.recur)]
        return [self.head, *self.combine, *cells, *([] if self.feed is None else [self.feed])]

    def check_shapes(self, rows: StepInput) -> None:
        """Raise ShapeError unless the rows of a step fit the decoder and the memory."""
        num_rows = len(rows.tokens)
        num_states = self.num_parts * len(self.layers)
        if len(rows.states) != num_states:
            raise ShapeError(f"a decoding step: expected {num_states} states, got {len(rows.states)}")
        for i, state in enumerate(rows.states):
            size = self.layers[i // self.num_parts].recur.in_features
            expect_shape("a decoding step", "a state", state, num_rows, size)
        if rows.fed is not None:
            expect_shape("a decoding step", "fed", rows.fed, num_rows, self.combined_size)
        if not len(rows.sentences) or num_rows % len(rows.sentences):
            raise ShapeError(
                f"a decoding step: expected a multiple of {len(rows.sentences)} rows, got {num_rows}"
            )

    def output_buffers(self, states: Sequence[Tensor], num_tokens: int = 0) -> StepOutput:
        """Return buffers for the results of a step of these rows, with log-probabilities of `num_tokens` tokens."""
        rows, positions = len(states[0]), self.attention.valid.shape[1]
        return StepOutput(
            torch.empty(rows, num_tokens),
            [torch.empty(state.shape) for state in states],
            torch.empty(rows, self.combined_size),
            torch.full((rows, positions), -torch.inf),
            torch.empty(rows, positions),
            torch.empty(rows, self.attention.values.shape[-1]),
        )
