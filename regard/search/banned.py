"""Words and phrases that must not be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.records.tensors import DecoderState, Prediction
from regard.records.text import PAD, START
from regard.search.phrases import Phrases
from regard.search.stepper import Stepper, sentence_of_rows, start_tokens, writable

_PLACE, _WRITTEN, _AHEAD, _COST = "banned.place", "banned.written", "banned.ahead", "banned.cost"
_MOST = 3  # closing tokens of a row that are looked beyond
_NEAR = 5.0  # and how far below the best one they may be, in nats


@dataclass(frozen=True)
class Banned:
    """A stepper to which every token that would complete a banned phrase is impossible.

    Whether "art" is a whole word shows only in the token after it: "art ." is one, "artist" is not. A search that
    had come so far would have to spoil the sentence with some ending. So before a token that closes a phrase is
    offered, the step after it is looked at, and the token is charged with the probability (its logarithm) that the
    word goes on. The token that makes it go on gets the charge back: the sum is the model's log-probability. Where
    the output would be cut off at its limit, closing a phrase is impossible.
    """

    stepper: Stepper
    phrases: Phrases
    limits: Int[Tensor, " B"]

    @property
    def num_sentences(self) -> int:
        """B."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """With the place of each row among the beginnings of phrases, and with what was charged."""
        state = self.stepper.start()
        place = torch.full_like(start_tokens(self.num_sentences, state), self.phrases.start)
        ahead = place.new_full((len(place), _MOST), PAD)
        cost = torch.zeros(ahead.shape, device=place.device)
        kept = {_PLACE: place, _WRITTEN: torch.zeros_like(place), _AHEAD: ahead, _COST: cost}
        return DecoderState({**state.tensors, **kept})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One token further; of the next ones, those that complete a phrase have minus infinity."""
        prediction = self.stepper.step(tokens, state)
        places = [
            place if token == START else self.phrases.after(place, token)
            for token, place in zip(tokens.tolist(), state[_PLACE].tolist(), strict=True)
        ]
        written = state[_WRITTEN] + 1
        paid = state[_COST].where(state[_AHEAD] == tokens.unsqueeze(1), 0).sum(dim=1, keepdim=True)
        paid = paid.where(paid.isfinite(), 0)  # an empty slot may hold what cannot be
        offered = self._without_completing(prediction.log_probabilities, places) + paid
        ahead, cost = self._look_ahead(prediction.state, places, offered)
        offered = offered.scatter_add(1, ahead, -cost)
        last = (written >= self.limits[sentence_of_rows(self, len(places))]).nonzero().flatten().tolist()
        for row in last:
            offered[row, self.phrases.closing(places[row])] = -torch.inf
        place = torch.tensor(places, dtype=torch.long, device=tokens.device)
        kept = {_PLACE: place, _WRITTEN: written, _AHEAD: ahead, _COST: cost}
        next_state = DecoderState({**prediction.state.tensors, **kept})
        return replace(prediction, log_probabilities=offered, state=next_state)

    def select(self, sentences: Tensor) -> Banned:
        """The same for some of the sentences."""
        return Banned(self.stepper.select(sentences), self.phrases, self.limits[sentences])

    def _without_completing(
        self, log_probabilities: Float[Tensor, "R V"], places: Sequence[int]
    ) -> Float[Tensor, "R V"]:
        masks = [self.phrases.completing(place) for place in places]
        if not any(mask.any() for mask in masks):
            return log_probabilities
        return log_probabilities.masked_fill(torch.stack(masks).to(log_probabilities.device), -torch.inf)

    def _look_ahead(
        self, state: DecoderState, places: Sequence[int], offered: Float[Tensor, "R V"]
    ) -> tuple[Tensor, Tensor]:
        """The closing tokens (R, _MOST) looked beyond, PAD for none, and what each is charged."""
        ahead = self._near(places, offered)
        cost = torch.zeros(ahead.shape, dtype=offered.dtype, device=offered.device)
        for rank in range(_MOST):
            tokens = ahead[:, rank]
            if (tokens == PAD).all():
                break
            following = writable(self.stepper.step(tokens, state).log_probabilities)
            after = [self.phrases.after(place, p) for place, p in zip(places, tokens.tolist(), strict=True)]
            goes_on = self._without_completing(following, after).logsumexp(dim=1)
            cost[:, rank] = (-goes_on).where(tokens != PAD, 0)
        return ahead, cost

    def _near(self, places: Sequence[int], offered: Float[Tensor, "R V"]) -> Tensor:
        """The closing tokens (R, _MOST) that might be chosen, the most probable first, then PAD."""
        near = torch.full((len(places), _MOST), PAD, device=offered.device)
        for place in set(places):
            closing = torch.tensor(self.phrases.closing(place), dtype=torch.long, device=offered.device)
            if len(closing):
                rows = torch.tensor([row for row, one in enumerate(places) if one == place])
                least = offered[rows].amax(dim=1, keepdim=True) - _NEAR
                best = offered[rows][:, closing].topk(min(_MOST, len(closing)), dim=1)
                near[rows, : best.indices.shape[1]] = closing[best.indices].where(best.values > least, PAD)
        return near
