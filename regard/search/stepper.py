"""What a search drives: a model, an ensemble, an exported program, a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard import kernels
from regard.errors import SearchError
from regard.records.tensors import Candidates, DecoderState, Prediction
from regard.records.text import PAD, START, UNWRITABLE, Run


@runtime_checkable
class Stepper(Protocol):
    """Something that writes one token after another for some sentences at once.

    A state has as many rows for every sentence, together and in the sentences' order.
    """

    @property
    def num_sentences(self) -> int:
        """How many sentences are being written."""

    def start(self) -> DecoderState:
        """The state before the first token, one row a sentence."""

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """From the last tokens to log-probabilities (R, V) of the next ones."""

    def select(self, sentences: Tensor) -> Stepper:
        """The same for some of the sentences only."""


@runtime_checkable
class QuickStepper(Stepper, Protocol):
    """A stepper that knows quicker ways to what searches want most."""

    def best(self, tokens: Int[Tensor, " R"], state: DecoderState, number: int) -> Candidates:
        """From the last tokens to the best next ones that may be written; not more than the vocabulary has."""

    def greedily(
        self, tokens: Int[Tensor, " R"], state: DecoderState, limits: Sequence[int]
    ) -> list[Run] | None:
        """What follows the last tokens, one row a sentence, each at most its limit long; None: step by step."""


def quick(stepper: Stepper) -> QuickStepper | None:
    """The same stepper, if it is one of the quick."""
    is_quick = _QUICK.get(type(stepper))
    if is_quick is None:  # a protocol's own check takes longer than much of a step
        is_quick = _QUICK[type(stepper)] = isinstance(stepper, QuickStepper)
    return cast(QuickStepper, stepper) if is_quick else None


_QUICK: dict[type[Stepper], bool] = {}


def best_next(stepper: Stepper, tokens: Int[Tensor, " R"], state: DecoderState, number: int) -> Candidates:
    """The best next tokens that may be written, by the quickest way that a stepper knows."""
    if (quickly := quick(stepper)) is not None:
        return quickly.best(tokens, state, number)
    prediction = stepper.step(tokens, state)
    best = best_writable(prediction.log_probabilities, number)
    return Candidates(*best, prediction.state, prediction.attention)


def check_limits(stepper: Stepper, max_lengths: Sequence[int]) -> None:
    """Raise SearchError unless there is a length limit of 1 or more for every sentence."""
    if len(max_lengths) != stepper.num_sentences or min(max_lengths, default=1) < 1:
        raise SearchError(
            f"search: expected a limit of 1 or more for each of {stepper.num_sentences} sentences, "
            f"got {list(max_lengths)}"
        )


def start_tokens(rows: int, state: DecoderState) -> Int[Tensor, " R"]:
    """The start symbol for every row, on the state's device."""
    device = next((tensor.device for tensor in state.tensors.values()), None)
    return torch.full((rows,), START, device=device)


def writable(log_probabilities: Float[Tensor, "R V"]) -> Float[Tensor, "R V"]:
    """The log-probabilities with padding and the start symbol, which nobody may write, at minus infinity."""
    allowed = log_probabilities.clone()
    allowed[:, PAD] = -torch.inf
    allowed[:, START] = -torch.inf
    return allowed


def best_writable(
    log_probabilities: Float[Tensor, "R V"], number: int
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """The best of what may be written, best first: log-probabilities and tokens; at most V of them."""
    return kernels.top(log_probabilities, number, UNWRITABLE)


def only_wanted(log_probabilities: Float[Tensor, "R V"], wanted: Int[Tensor, " R"]) -> Float[Tensor, "R V"]:
    """The log-probabilities with all tokens but the wanted one at minus infinity; PAD: the row is left as it is."""
    places = wanted.unsqueeze(1)
    only = torch.full_like(log_probabilities, -torch.inf)
    only.scatter_(1, places, log_probabilities.gather(1, places))
    return torch.where(places == PAD, log_probabilities, only)


def sentence_of_rows(stepper: Stepper, rows: int) -> Int[Tensor, " R"]:
    """The sentence that each of so many rows belongs to: every sentence has as many, and they stand together."""
    return torch.arange(rows) // max(rows // max(stepper.num_sentences, 1), 1)
