"""Step 1: a score for every encoder state. The whole family on one page, so that it can be compared.

q is the query (a decoder state), k a key; what a score needs of the encoder states but not of the query
(U k, W k) is computed once a sentence by `keys`, and every step reuses it.

To add one: a class here, a row in `SCORES`, a hand-worked case in `tests/attention/test_scores.py`.
Constructor arguments are taken by name from the recipe: `query_size`, `memory_size`, and `attention.*`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.errors import ConfigError, ShapeError
from regard.records.tensors import Memory


class Score(nn.Module):
    """The alignment model: how well does each encoder state answer this query?

    `formula` and `source` say what is computed and where it comes from. A score that depends on the attention weights
    of earlier steps says `sequential = True` and finds them in `state`: "previous" and their sum "coverage",
    both (B, T, S); T is then the number of rows of a sentence: 1, or the beam size.
    """

    formula: ClassVar[str]
    source: ClassVar[str]
    sequential: ClassVar[bool] = False

    def keys(self, values: Float[Tensor, "B S M"]) -> Float[Tensor, "B S K"]:
        """Return the keys, computed once a sentence; by default the encoder states themselves."""
        return values

    def forward(
        self,
        query: Float[Tensor, "B T Q"],
        keys: Float[Tensor, "B S K"],
        memory: Memory,
        state: Mapping[str, Tensor],
    ) -> Float[Tensor, "B T S"]:
        """Score every encoder state for every query, in any dtype; the caller masks padding."""
        raise TypeError(f"{type(self).__name__} promises a score but does not compute one")

    def kernel_form(self) -> tuple[Float[Tensor, "K Q"] | None, Float[Tensor, " K"] | None, float] | None:
        """Return W, v and a scale if kernels can compute this score; None if they cannot.

        They compute `scale · v · tanh(W q + k)`, or `scale · q · k` if W and v are None. Only the class itself may
        answer: a subclass that inherits this method runs its own `forward`, unless it declares the method anew.
        """
        return None


class AdditiveScore(Score):
    """Score by a small network, `v · tanh(W q + U k)`.

    Source: Bahdanau et al. 2015, appendix A.1.2, where it is called e_ij. Luong's `concat` (2015, section 3.1),
    `v · tanh(W [q; k])`, is the same function: W of the concatenation is W and U side by side.
    `size` is A, the width of the network. Raises ShapeError if the query is not `query_size` wide.
    """

    formula = "v · tanh(W q + U k)"
    source = "Bahdanau et al. 2015, A.1.2; Luong et al. 2015, sec. 3.1 (concat)"

    def __init__(self, query_size: int, memory_size: int, size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.W = kernels.Linear(query_size, size, bias=False)
        self.U = kernels.Linear(memory_size, size, bias=False)
        self.v = nn.Parameter(torch.empty(size).uniform_(-1, 1) / math.sqrt(size))

    def keys(self, values: Tensor) -> Tensor:
        """Return U k for every encoder state, (B, S, A)."""
        return self.U(values)  # type: ignore[no-any-return]

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return the scores (B, T, S)."""
        return kernels.additive(self.W(_checked(query, self.query_size)), keys, self.v)

    def kernel_form(self) -> tuple[Tensor, Tensor, float]:
        """Return W, v and 1; the keys are U k."""
        return self.W.weight, self.v, 1.0


class DotScore(Score):
    """Score by the dot product, `q · k`: how far do the two states point the same way?

    Source: Luong et al. 2015, section 3.1. Query and encoder states must be equally wide, or ConfigError.
    """

    formula = "q · k"
    source = "Luong et al. 2015, sec. 3.1"

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = _equal_sizes("dot", query_size, memory_size)

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return the scores (B, T, S)."""
        return kernels.dot_scores(_checked(query, self.query_size), keys)

    def kernel_form(self) -> tuple[None, None, float]:
        """Return the plain dot product."""
        return None, None, 1.0


class ScaledDotScore(Score):
    """Score by the dot product over the square root of its width, `q · k / √K`.

    Source: Vaswani et al. 2017, equation 1. The root keeps the softmax soft when the states are wide.
    Query and encoder states must be equally wide, or ConfigError.
    """

    formula = "q · k / √K"
    source = "Vaswani et al. 2017, eq. 1"

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = _equal_sizes("scaled_dot", query_size, memory_size)

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return the scores (B, T, S)."""
        return kernels.dot_scores(_checked(query, self.query_size), keys) / math.sqrt(self.query_size)

    def kernel_form(self) -> tuple[None, None, float]:
        """Return the dot product with its scale."""
        return None, None, 1 / math.sqrt(self.query_size)


class GeneralScore(Score):
    """Score by a learnt bilinear form, `q · W k`.

    Source: Luong et al. 2015, section 3.1. The widths may differ: W takes an encoder state to the query's width.
    """

    formula = "q · W k"
    source = "Luong et al. 2015, sec. 3.1"

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.W = kernels.Linear(memory_size, query_size, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        """Return W k for every encoder state, (B, S, Q)."""
        return self.W(values)  # type: ignore[no-any-return]

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return the scores (B, T, S)."""
        return kernels.dot_scores(_checked(query, self.query_size), keys)

    def kernel_form(self) -> tuple[None, None, float]:
        """Return the plain dot product; the keys are W k."""
        return None, None, 1.0


class CosineScore(Score):
    """Score by content: the cosine of the angle between query and key, times a learnt sharpness, `β cos(q, k)`.

    Source: Graves et al. 2014 (Neural Turing Machines), equations 5 and 6; β, their key strength, stays positive
    as e to the power of a learnt number. The cosine of a zero vector counts as 0.
    Query and encoder states must be equally wide, or ConfigError.
    """

    formula = "β cos(q, k)"
    source = "Graves et al. 2014, eq. 5–6 (content-based)"

    def __init__(self, query_size: int, memory_size: int, sharpness: float = 8.0) -> None:
        super().__init__()
        self.query_size = _equal_sizes("cosine", query_size, memory_size)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(sharpness)))

    def keys(self, values: Tensor) -> Tensor:
        """Return the encoder states at length 1, (B, S, M)."""
        return _unit(values)

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return the scores (B, T, S), between minus and plus the sharpness."""
        cosine = kernels.dot_scores(_unit(_checked(query, self.query_size)), keys)
        return self.log_sharpness.exp() * cosine


class LocationScore(Score):
    """Score by position alone, `(W q)_s` for source position s, whatever token it holds.

    Source: Luong et al. 2015, equation 8 and its text: W q has a score for every position there may be and is
    cut to the sentence's length. Positions from `max_positions` on get no score, hence weight 0.
    """

    formula = "(W q)_s"
    source = "Luong et al. 2015, eq. 8 (location-based)"

    def __init__(self, query_size: int, max_positions: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.W = kernels.Linear(query_size, max_positions, bias=False)

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return the scores (B, T, S), minus infinity beyond `max_positions`."""
        scores = self.W(_checked(query, self.query_size))  # (B, T, max_positions)
        missing = memory.values.shape[1] - scores.shape[-1]
        return nn.functional.pad(scores, (0, missing), value=-math.inf)  # a negative pad cuts


class UniformScore(Score):
    """A control: every encoder state scores 0, so the context is their mean whatever the query."""

    formula = "0"
    source = "control"

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return zeros (B, T, S)."""
        return query.new_zeros(query.shape[0], query.shape[1], memory.values.shape[1])


class NoScore(Score):
    """A control: no encoder state is attended to; all weights and the context are 0."""

    formula = "−∞"
    source = "control"

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        """Return minus infinity (B, T, S)."""
        return query.new_full((query.shape[0], query.shape[1], memory.values.shape[1]), -math.inf)


SCORES: dict[str, type[Score]] = {
    "additive": AdditiveScore,
    "concat": AdditiveScore,
    "general": GeneralScore,
    "dot": DotScore,
    "scaled_dot": ScaledDotScore,
    "cosine": CosineScore,
    "location": LocationScore,
    "uniform": UniformScore,
    "none": NoScore,
}


def _checked(query: Tensor, size: int) -> Tensor:
    """Return the query if it is `size` wide; raise ShapeError if not."""
    if query.shape[-1] != size:
        raise ShapeError(f"the query is {query.shape[-1]} wide; this score was built for queries {size} wide")
    return query


def _equal_sizes(name: str, query_size: int, memory_size: int) -> int:
    """Return the size if both are equal; raise ConfigError if not."""
    if query_size != memory_size:
        raise ConfigError(
            f"model.attention.score {name}: the query is {query_size} wide and the encoder states {memory_size}, "
            f"but {name} needs equal widths: set model.decoder.hidden_size to {memory_size}, or choose general"
        )
    return query_size


def _unit(vectors: Tensor) -> Tensor:
    """Return the vectors at length 1; a zero vector stays zero, and its gradient finite."""
    squares = vectors.square().sum(-1, keepdim=True)
    empty = squares == 0
    return vectors / squares.masked_fill(empty, 1.0).sqrt()
