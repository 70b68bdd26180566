"""What a search drives: a model, an ensemble, an exported program, a table of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard import kernels
from regard.errors import SearchError
from regard.records.tensors import Candidates, DecoderState, Prediction
from regard.records.text import PAD, START, UNWRITABLE, DecodedTokens


@runtime_checkable
class Stepper(Protocol):
    """Decodes a batch of sentences one token at a time.

    A state has the same number of rows for each sentence; the rows of a sentence are adjacent, and sentences keep
    their order.
    """

    @property
    def num_sentences(self) -> int:
        """Number of sentences in the batch."""

    def start(self) -> DecoderState:
        """Return the state before the first token, with one row per sentence."""

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Feed the last token of each row; return the log-probabilities (R, V) of the next one."""

    def select(self, sentences: Tensor) -> Stepper:
        """Return a stepper for these sentences only."""


@runtime_checkable
class FusedStepper(Stepper, Protocol):
    """A stepper with faster ways to do what searches do most."""

    def best(self, tokens: Int[Tensor, " R"], state: DecoderState, num_candidates: int) -> Candidates:
        """Feed the last token of each row; return the best writable next tokens, at most V of them."""

    def greedy(
        self, tokens: Int[Tensor, " R"], state: DecoderState, limits: Sequence[int]
    ) -> list[DecodedTokens] | None:
        """Decode greedily to the end, one row per sentence, within these limits; None if it must go step by step."""


def as_fused(stepper: Stepper) -> FusedStepper | None:
    """Return the stepper if it is a fused one, else None."""
    is_fused = _IS_FUSED.get(type(stepper))
    if is_fused is None:  # isinstance with a protocol takes longer than much of a step
        is_fused = _IS_FUSED[type(stepper)] = isinstance(stepper, FusedStepper)
    return cast(FusedStepper, stepper) if is_fused else None


_IS_FUSED: dict[type[Stepper], bool] = {}


def best_next(
    stepper: Stepper, tokens: Int[Tensor, " R"], state: DecoderState, num_candidates: int
) -> Candidates:
    """Return the best writable next tokens of each row, computed the fastest way the stepper has."""
    if (fused := as_fused(stepper)) is not None:
        return fused.best(tokens, state, num_candidates)
    prediction = stepper.step(tokens, state)
    best = top_writable(prediction.log_probabilities, num_candidates)
    return Candidates(*best, prediction.state, prediction.attention)


def check_limits(stepper: Stepper, max_lengths: Sequence[int]) -> None:
    """Raise SearchError unless there is a length limit of 1 or more for every sentence."""
    if len(max_lengths) != stepper.num_sentences or min(max_lengths, default=1) < 1:
        raise SearchError(
            f"search: expected a limit of 1 or more for each of {stepper.num_sentences} sentences, "
            f"got {list(max_lengths)}"
        )


def start_tokens(num_rows: int, state: DecoderState) -> Int[Tensor, " R"]:
    """Return the start symbol for every row, on the state's device."""
    device = next((tensor.device for tensor in state.tensors.values()), None)
    return torch.full((num_rows,), START, device=device)


def mask_unwritable(log_probabilities: Float[Tensor, "R V"]) -> Float[Tensor, "R V"]:
    """Return a copy with padding and the start symbol, which are never written, at minus infinity."""
    masked = log_probabilities.clone()
    masked[:, PAD] = -torch.inf
    masked[:, START] = -torch.inf
    return masked


def top_writable(
    log_probabilities: Float[Tensor, "R V"], num_candidates: int
) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"]]:
    """Return log-probabilities and ids of the best writable tokens, best first; at most V of them."""
    return kernels.top(log_probabilities, num_candidates, UNWRITABLE)


def force_tokens(log_probabilities: Float[Tensor, "R V"], tokens: Int[Tensor, " R"]) -> Float[Tensor, "R V"]:
    """Set all but one token of each row to minus infinity; a row whose token is PAD is left unchanged."""
    indices = tokens.unsqueeze(1)
    forced = torch.full_like(log_probabilities, -torch.inf)
    forced.scatter_(1, indices, log_probabilities.gather(1, indices))
    return torch.where(indices == PAD, log_probabilities, forced)


def sentence_of_rows(stepper: Stepper, num_rows: int) -> Int[Tensor, " R"]:
    """Return the index of the sentence that each row belongs to."""
    return torch.arange(num_rows) // max(num_rows // max(stepper.num_sentences, 1), 1)
