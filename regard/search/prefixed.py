"""Prefix-constrained decoding: translations that must begin with given tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from regard.records.tensors import DecoderState, Prediction
from regard.records.text import PAD
from regard.search.stepper import Stepper, force_tokens, sentence_of_rows

_POSITION = "prefix.position"


@dataclass(frozen=True)
class Prefixed:
    """A stepper that forces a prefix for each sentence before the search may choose a token.

    Its tokens keep the model's log-probability, all others are impossible. `prefixes` (B, P) end in PAD.
    """

    stepper: Stepper
    prefixes: Int[Tensor, "B P"]

    @staticmethod
    def of(stepper: Stepper, prefixes: Sequence[Sequence[int]], device: torch.device | str) -> Prefixed:
        """Pad the prefixes, one for each sentence; any of them may be empty."""
        longest = max((len(prefix) for prefix in prefixes), default=0)
        padded = [[*prefix, *[PAD] * (longest + 1 - len(prefix))] for prefix in prefixes]
        return Prefixed(
            stepper, torch.tensor(padded, dtype=torch.long, device=device).reshape(-1, longest + 1)
        )

    @property
    def num_sentences(self) -> int:
        """Number of sentences in the batch."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """Return the initial state, each row at position 0 of its prefix."""
        state = self.stepper.start()
        position = torch.zeros(self.num_sentences, dtype=torch.long, device=self.prefixes.device)
        return DecoderState({**state.tensors, _POSITION: position})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Step, allowing only the next token of each row's prefix until that is complete."""
        prediction = self.stepper.step(tokens, state)
        position, last = state[_POSITION], self.prefixes.shape[1] - 1
        forced = self.prefixes[sentence_of_rows(self, len(position)), position.clamp(max=last)]
        return replace(
            prediction,
            log_probabilities=force_tokens(prediction.log_probabilities, forced),
            state=DecoderState({**prediction.state.tensors, _POSITION: position + 1}),
        )

    def select(self, sentences: Tensor) -> Prefixed:
        """Return a stepper for these sentences only."""
        return Prefixed(self.stepper.select(sentences), self.prefixes[sentences])
