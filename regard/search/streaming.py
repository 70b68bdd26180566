"""Looking on while one sentence is written."""

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

Tell = Callable[[int, float, np.ndarray | None], None]  # a token's id, its log-probability, its weights (S,)

_WRITTEN, _GAINS, _LOOKS = "followed.written", "followed.gains", "followed.looks"
_NEXT_GAINS, _NEXT_LOOKS, _TOLD = "followed.next_gains", "followed.next_looks", "followed.told"


def follow_search(
    search: Callable[[Stepper], list[list[Hypothesis]]], stepper: Stepper, tell: Tell
) -> list[list[Hypothesis]]:
    """Run a search for one sentence, and tell each token of the best hypothesis in order, as early as it is certain.

    Greedy search is certain at once; a beam as soon as every hypothesis in it has the same token in that place, so
    nothing told is ever taken back. What was not certain before the end is told then. The search must be one whose
    answer continues what is in its rows, as greedy and beam search are.
    """
    number = 0

    def count(token: int, log_probability: float, look: np.ndarray | None) -> None:
        nonlocal number
        number += 1
        tell(token, log_probability, look)

    found = search(Streaming(stepper, count))
    best = found[0][0]
    for step in range(number, len(best.ids)):
        look = None if best.attention is None else best.attention[step]
        tell(best.ids[step], best.log_probabilities[step], look)
    return found


@dataclass(frozen=True)
class Streaming:
    """A stepper for one sentence that tells what all its rows have in common, once.

    Each row carries what it has written (R, t), with log-probabilities and weights (R, t, S), and what the last step
    foresaw for the token that the search chooses next.
    """

    stepper: Stepper
    tell: Tell

    @property
    def num_sentences(self) -> int:
        """1."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """With nothing written."""
        state = self.stepper.start()
        device = next((tensor.device for tensor in state.tensors.values()), None)
        written = torch.zeros(1, 0, dtype=torch.long, device=device)
        told = torch.zeros(1, dtype=torch.long, device=device)
        return DecoderState({**state.tensors, _WRITTEN: written, _GAINS: written.float(), _TOLD: told})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One token further, after telling what has become certain by the choice of these tokens."""
        own = self._write(tokens, state) if _NEXT_GAINS in state else _group(state)
        told = self._tell(own)
        prediction = self.stepper.step(tokens, state)
        own |= {_NEXT_GAINS: prediction.log_probabilities, _TOLD: torch.full_like(own[_TOLD], told)}
        if prediction.attention is not None:
            own[_NEXT_LOOKS] = prediction.attention.weights[:, 0]
        return replace(prediction, state=DecoderState({**prediction.state.tensors, **own}))

    def select(self, sentences: Tensor) -> Streaming:
        """The same for the one sentence, or none."""
        return Streaming(self.stepper.select(sentences), self.tell)

    def _write(self, tokens: Tensor, state: DecoderState) -> dict[str, Tensor]:
        own, last = _group(state), tokens.unsqueeze(1)
        own[_WRITTEN] = torch.cat([own[_WRITTEN], last], dim=1)
        own[_GAINS] = torch.cat([own[_GAINS], own[_NEXT_GAINS].gather(1, last)], dim=1)
        if _NEXT_LOOKS in own:
            look = own[_NEXT_LOOKS].unsqueeze(1)
            own[_LOOKS] = torch.cat([own[_LOOKS], look], dim=1) if _LOOKS in own else look
        return own

    def _tell(self, own: dict[str, Tensor]) -> int:
        """Tell the tokens that all rows have in the same places and that were not told; how many are told now."""
        written, told = own[_WRITTEN], int(own[_TOLD][0])
        common = int((written == written[:1]).all(dim=0).long().cumprod(dim=0).sum())
        for step in range(told, common):
            look = own[_LOOKS][0, step].float().cpu().numpy() if _LOOKS in own else None
            self.tell(int(written[0, step]), float(own[_GAINS][0, step]), look)
        return common


def _group(state: DecoderState) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.tensors.items() if name.startswith("followed.")}
