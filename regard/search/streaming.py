"""Streaming: report the tokens of one translation while it is being decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from regard.records.tensors import DecoderState, Prediction
from regard.records.text import Hypothesis
from regard.search.stepper import Stepper

OnToken = Callable[[int, float, np.ndarray | None], None]
"""Called with a token's id, its log-probability and its attention weights (S,)."""

_PREFIX = "streaming."
_TOKENS, _GAINS, _WEIGHTS = _PREFIX + "tokens", _PREFIX + "gains", _PREFIX + "weights"
_NEXT_GAINS, _NEXT_WEIGHTS = _PREFIX + "next_gains", _PREFIX + "next_weights"
_NUM_REPORTED = _PREFIX + "num_reported"


def stream_search(
    search: Callable[[Stepper], list[list[Hypothesis]]], stepper: Stepper, on_token: OnToken
) -> list[list[Hypothesis]]:
    """Run a search for one sentence, and report each token of the best hypothesis as soon as it is certain.

    Greedy search is certain at once, a beam as soon as all its hypotheses have the same token at that position, so
    nothing reported is ever taken back. Tokens that are not certain before the end are reported then. The search must
    be one whose results extend the hypotheses in its rows, as greedy and beam search are.
    """
    num_reported = 0

    def report(token: int, log_probability: float, weights: np.ndarray | None) -> None:
        nonlocal num_reported
        num_reported += 1
        on_token(token, log_probability, weights)

    found = search(Streaming(stepper, report))
    best = found[0][0]
    for step in range(num_reported, len(best.ids)):
        weights = None if best.attention is None else best.attention[step]
        on_token(best.ids[step], best.log_probabilities[step], weights)
    return found


@dataclass(frozen=True)
class Streaming:
    """A stepper for one sentence that reports each token once all its rows agree on it.

    The state of each row also has its tokens so far (R, t) with their log-probabilities and weights (R, t, S), and
    those of the last step, from which the search has yet to choose a token.
    """

    stepper: Stepper
    on_token: OnToken

    @property
    def num_sentences(self) -> int:
        """Number of sentences in the batch: 1."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """Return the initial state, with no token decoded or reported."""
        state = self.stepper.start()
        device = next((tensor.device for tensor in state.tensors.values()), None)
        tokens = torch.zeros(1, 0, dtype=torch.long, device=device)
        reported = torch.zeros(1, dtype=torch.long, device=device)
        return DecoderState(
            {**state.tensors, _TOKENS: tokens, _GAINS: tokens.float(), _NUM_REPORTED: reported}
        )

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Report what the choice of these tokens made certain, then step."""
        own = self._append(tokens, state) if _NEXT_GAINS in state else _own(state)
        num_reported = self._report(own)
        prediction = self.stepper.step(tokens, state)
        own |= {
            _NEXT_GAINS: prediction.log_probabilities,
            _NUM_REPORTED: torch.full_like(own[_NUM_REPORTED], num_reported),
        }
        if prediction.attention is not None:
            own[_NEXT_WEIGHTS] = prediction.attention.weights[:, 0]
        return replace(prediction, state=DecoderState({**prediction.state.tensors, **own}))

    def select(self, sentences: Tensor) -> Streaming:
        """Return a stepper for the one sentence, or for none."""
        return Streaming(self.stepper.select(sentences), self.on_token)

    def _append(self, tokens: Tensor, state: DecoderState) -> dict[str, Tensor]:
        own, last = _own(state), tokens.unsqueeze(1)
        own[_TOKENS] = torch.cat([own[_TOKENS], last], dim=1)
        own[_GAINS] = torch.cat([own[_GAINS], own[_NEXT_GAINS].gather(1, last)], dim=1)
        if _NEXT_WEIGHTS in own:
            weights = own[_NEXT_WEIGHTS].unsqueeze(1)
            own[_WEIGHTS] = torch.cat([own[_WEIGHTS], weights], dim=1) if _WEIGHTS in own else weights
        return own

    def _report(self, own: dict[str, Tensor]) -> int:
        """Report the tokens of the rows' common prefix that have not been yet; return the length of that prefix."""
        tokens, num_reported = own[_TOKENS], int(own[_NUM_REPORTED][0])
        num_common = int((tokens == tokens[:1]).all(dim=0).long().cumprod(dim=0).sum())
        for step in range(num_reported, num_common):
            weights = own[_WEIGHTS][0, step].float().cpu().numpy() if _WEIGHTS in own else None
            self.on_token(int(tokens[0, step]), float(own[_GAINS][0, step]), weights)
        return num_common


def _own(state: DecoderState) -> dict[str, Tensor]:
    """Return the tensors that `Streaming` itself added to a state."""
    return {name: tensor for name, tensor in state.tensors.items() if name.startswith(_PREFIX)}
