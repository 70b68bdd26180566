"""Words and phrases that must not be written."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from regard.records import START, DecoderState, Prediction
from regard.search.phrases import Phrases
from regard.search.stepper import Stepper, start_tokens

_PLACE = "banned.place"


@dataclass(frozen=True)
class Banned:
    """A stepper to which every piece that would complete a banned phrase is impossible."""

    stepper: Stepper
    phrases: Phrases

    @property
    def num_sentences(self) -> int:
        """B."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """With the place of each row among the beginnings of phrases."""
        state = self.stepper.start()
        place = torch.full_like(start_tokens(self.num_sentences, state), self.phrases.start)
        return DecoderState({**state.tensors, _PLACE: place})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One piece further; of the next ones, those that complete a phrase have minus infinity."""
        prediction = self.stepper.step(tokens, state)
        pieces, places = tokens.tolist(), state[_PLACE].tolist()
        after = [
            place if piece == START else self.phrases.after(place, piece)
            for piece, place in zip(pieces, places, strict=True)
        ]
        masks = [self.phrases.completing(place) for place in after]
        log_probabilities = prediction.log_probabilities
        if any(mask.any() for mask in masks):
            mask = torch.stack(masks).to(tokens.device)
            log_probabilities = log_probabilities.masked_fill(mask, -torch.inf)
        place = torch.tensor(after, dtype=torch.long, device=tokens.device)
        next_state = DecoderState({**prediction.state.tensors, _PLACE: place})
        return replace(prediction, log_probabilities=log_probabilities, state=next_state)

    def select(self, sentences: Tensor) -> Banned:
        """The same for some of the sentences."""
        return Banned(self.stepper.select(sentences), self.phrases)
