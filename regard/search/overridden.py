"""Decoding with interventions: overridden attention weights at some steps, forced tokens at others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.records.tensors import DecoderState, Prediction
from regard.records.text import PAD
from regard.search.interventions import StepOverrides
from regard.search.stepper import Stepper, force_tokens

_STEP = "intervention.step"


@dataclass(frozen=True)
class Overridden:
    """A stepper whose attention weights and tokens are overridden at some steps, the same for all rows.

    `weights` (T, S) and `tokens` (T,) are NaN and PAD where the model is left alone. Weights enter through the state,
    as `attention.override`, so that context and recurrence follow from them; forced tokens keep the model's
    log-probability.
    """

    stepper: Stepper
    weights: Float[Tensor, "T S"]
    tokens: Int[Tensor, " T"]

    @staticmethod
    def of(
        stepper: Stepper,
        overrides: StepOverrides,
        prefix: Sequence[int],
        source_size: int,
        limit: int,
        device: torch.device | str,
    ) -> Overridden:
        """Apply overrides to translations of up to `limit` tokens, forcing `prefix` until the first override."""
        tokens = dict(enumerate(prefix[: overrides.first_step])) | dict(overrides.tokens)
        return Overridden(
            stepper,
            torch.stack([overrides.weights_at(step, source_size, device) for step in range(limit)]),
            torch.tensor([tokens.get(step, PAD) for step in range(limit)], device=device),
        )

    @property
    def num_sentences(self) -> int:
        """Number of sentences in the batch."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """Return the initial state, which also counts the steps."""
        step = torch.zeros(self.num_sentences, dtype=torch.long, device=self.tokens.device)
        return DecoderState({**self.stepper.start().tensors, _STEP: step})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Step with the weights and the token of this step overridden."""
        step = state[_STEP]
        prediction = self.stepper.step(tokens, override_weights(state, self.weights[step]))
        return replace(
            prediction,
            log_probabilities=force_tokens(prediction.log_probabilities, self.tokens[step]),
            state=DecoderState({**prediction.state.tensors, _STEP: step + 1}),
        )

    def select(self, sentences: Tensor) -> Overridden:
        """Return a stepper for these sentences only."""
        return replace(self, stepper=self.stepper.select(sentences))


def override_weights(state: DecoderState, weights: Float[Tensor, "R S"]) -> DecoderState:
    """Return a state whose next step attends with these weights, except where they are NaN."""
    return DecoderState({**state.tensors, "attention.override": weights})
