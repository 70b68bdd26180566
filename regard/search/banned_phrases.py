"""Banned phrases: words and phrases that must not be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.records.tensors import DecoderState, Prediction
from regard.records.text import PAD, START
from regard.search.phrase_matcher import PhraseMatcher
from regard.search.stepper import Stepper, mask_unwritable, sentence_of_rows, start_tokens

_STATE, _LENGTH, _CHARGED, _CHARGE = "banned.state", "banned.length", "banned.charged", "banned.charge"
_MAX_LOOKAHEAD = 3  # closing tokens of a row that are looked beyond …
_MAX_GAP = 5.0  # … and how far below the best token they may be, in nats


@dataclass(frozen=True)
class BannedPhrases:
    """A stepper that makes every token that would complete a banned phrase impossible.

    Whether "art" is a whole word shows only in the token after it: "art ." is one, "artist" is not. A search that
    had written "art" could only continue with some ending that spoils the sentence. So before a token that closes a
    phrase is proposed, the stepper looks one step ahead and charges the token with the log-probability that its word
    continues. The token that continues the word gets the charge back, so the sum is the model's log-probability.
    Where the output would be cut off at its limit, closing a phrase is impossible.
    """

    stepper: Stepper
    phrases: PhraseMatcher
    limits: Int[Tensor, " B"]

    @property
    def num_sentences(self) -> int:
        """Number of sentences in the batch."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """Return the initial state, with the matcher's state and the charges of each row."""
        state = self.stepper.start()
        matcher_state = torch.full_like(start_tokens(self.num_sentences, state), self.phrases.start)
        charged = matcher_state.new_full((len(matcher_state), _MAX_LOOKAHEAD), PAD)
        charge = torch.zeros(charged.shape, device=matcher_state.device)
        own = {
            _STATE: matcher_state,
            _LENGTH: torch.zeros_like(matcher_state),
            _CHARGED: charged,
            _CHARGE: charge,
        }
        return DecoderState({**state.tensors, **own})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Step, setting the tokens that complete a phrase to minus infinity."""
        prediction = self.stepper.step(tokens, state)
        matcher_states = [
            matcher_state if token == START else self.phrases.next_state(matcher_state, token)
            for token, matcher_state in zip(tokens.tolist(), state[_STATE].tolist(), strict=True)
        ]
        length = state[_LENGTH] + 1
        refund = state[_CHARGE].where(state[_CHARGED] == tokens.unsqueeze(1), 0).sum(dim=1, keepdim=True)
        refund = refund.where(refund.isfinite(), 0)  # an empty slot may hold an impossible token
        log_probabilities = self._mask_completing(prediction.log_probabilities, matcher_states) + refund
        charged, charge = self._look_ahead(prediction.state, matcher_states, log_probabilities)
        log_probabilities = log_probabilities.scatter_add(1, charged, -charge)
        limits = self.limits[sentence_of_rows(self, len(matcher_states))]
        for row in (length >= limits).nonzero().flatten().tolist():
            log_probabilities[row, self.phrases.closing_tokens(matcher_states[row])] = -torch.inf
        own = {
            _STATE: torch.tensor(matcher_states, dtype=torch.long, device=tokens.device),
            _LENGTH: length,
            _CHARGED: charged,
            _CHARGE: charge,
        }
        next_state = DecoderState({**prediction.state.tensors, **own})
        return replace(prediction, log_probabilities=log_probabilities, state=next_state)

    def select(self, sentences: Tensor) -> BannedPhrases:
        """Return a stepper for these sentences only."""
        return BannedPhrases(self.stepper.select(sentences), self.phrases, self.limits[sentences])

    def _mask_completing(
        self, log_probabilities: Float[Tensor, "R V"], matcher_states: Sequence[int]
    ) -> Float[Tensor, "R V"]:
        masks = [self.phrases.completing_tokens(matcher_state) for matcher_state in matcher_states]
        if not any(mask.any() for mask in masks):
            return log_probabilities
        return log_probabilities.masked_fill(torch.stack(masks).to(log_probabilities.device), -torch.inf)

    def _look_ahead(
        self, state: DecoderState, matcher_states: Sequence[int], log_probabilities: Float[Tensor, "R V"]
    ) -> tuple[Tensor, Tensor]:
        """Return the closing tokens (R, _MAX_LOOKAHEAD) that were looked beyond, PAD for none, and their charges."""
        charged = self._probable_closing(matcher_states, log_probabilities)
        charge = torch.zeros(charged.shape, dtype=log_probabilities.dtype, device=log_probabilities.device)
        for rank in range(_MAX_LOOKAHEAD):
            tokens = charged[:, rank]
            if (tokens == PAD).all():
                break
            following = mask_unwritable(self.stepper.step(tokens, state).log_probabilities)
            after = [
                self.phrases.next_state(matcher_state, token)
                for matcher_state, token in zip(matcher_states, tokens.tolist(), strict=True)
            ]
            continues = self._mask_completing(following, after).logsumexp(dim=1)
            charge[:, rank] = (-continues).where(tokens != PAD, 0)
        return charged, charge

    def _probable_closing(
        self, matcher_states: Sequence[int], log_probabilities: Float[Tensor, "R V"]
    ) -> Tensor:
        """Return the closing tokens (R, _MAX_LOOKAHEAD) that may be chosen, most probable first, then PAD."""
        device = log_probabilities.device
        probable = torch.full((len(matcher_states), _MAX_LOOKAHEAD), PAD, device=device)
        for matcher_state in set(matcher_states):
            closing = torch.tensor(
                self.phrases.closing_tokens(matcher_state), dtype=torch.long, device=device
            )
            if len(closing):
                rows = torch.tensor([row for row, one in enumerate(matcher_states) if one == matcher_state])
                threshold = log_probabilities[rows].amax(dim=1, keepdim=True) - _MAX_GAP
                best = log_probabilities[rows][:, closing].topk(min(_MAX_LOOKAHEAD, len(closing)), dim=1)
                tokens = closing[best.indices].where(best.values > threshold, PAD)
                probable[rows, : best.indices.shape[1]] = tokens
        return probable
