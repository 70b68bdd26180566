"""Translations that must begin with given tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from regard.records.tensors import DecoderState, Prediction
from regard.records.text import PAD
from regard.search.stepper import Stepper, only_wanted, sentence_of_rows

_PLACE = "prefix.place"


@dataclass(frozen=True)
class Prefixed:
    """A stepper that writes a prefix for each sentence before it may choose: every other token is impossible.

    The tokens of the prefix keep the log-probability that the model gives them. `prefixes` (B, P) end in PAD.
    """

    stepper: Stepper
    prefixes: Int[Tensor, "B P"]

    @staticmethod
    def of(stepper: Stepper, prefixes: Sequence[Sequence[int]], device: torch.device | str) -> Prefixed:
        """With a prefix, perhaps an empty one, for each sentence."""
        longest = max((len(prefix) for prefix in prefixes), default=0)
        padded = [[*prefix, *[PAD] * (longest + 1 - len(prefix))] for prefix in prefixes]
        return Prefixed(
            stepper, torch.tensor(padded, dtype=torch.long, device=device).reshape(-1, longest + 1)
        )

    @property
    def num_sentences(self) -> int:
        """B."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """With how much of its prefix each row has written."""
        state = self.stepper.start()
        place = torch.zeros(self.num_sentences, dtype=torch.long, device=self.prefixes.device)
        return DecoderState({**state.tensors, _PLACE: place})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One token further; only the next one of the prefix is possible while that lasts."""
        prediction = self.stepper.step(tokens, state)
        place, free = state[_PLACE], self.prefixes.shape[1] - 1
        wanted = self.prefixes[sentence_of_rows(self, len(place)), place.clamp(max=free)]
        next_state = DecoderState({**prediction.state.tensors, _PLACE: place + 1})
        return replace(
            prediction,
            log_probabilities=only_wanted(prediction.log_probabilities, wanted),
            state=next_state,
        )

    def select(self, sentences: Tensor) -> Prefixed:
        """The same for some of the sentences."""
        return Prefixed(self.stepper.select(sentences), self.prefixes[sentences])
