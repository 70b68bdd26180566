"""Several models that write together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from regard.records.tensors import AttentionStep, DecoderState, Prediction
from regard.search.stepper import Stepper


@dataclass(frozen=True)
class Ensemble:
    """A stepper that averages others over the same vocabularies and sentences.

    A token's probability is the arithmetic mean of the members' probabilities; attention weights are the mean of
    those that attend, `scores` its logarithm, and there is no common context. A member's state keeps its names,
    after its number and a dot.
    """

    members: tuple[Stepper, ...]

    @property
    def num_sentences(self) -> int:
        """B."""
        return self.members[0].num_sentences

    def start(self) -> DecoderState:
        """All members' states."""
        return _gather([member.start() for member in self.members])

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One token further with every member."""
        steps = [
            member.step(tokens, DecoderState(state.group(str(number))))
            for number, member in enumerate(self.members)
        ]
        together = torch.stack([step.log_probabilities for step in steps]).logsumexp(dim=0)
        return Prediction(
            log_probabilities=together - math.log(len(steps)),
            state=_gather([step.state for step in steps]),
            attention=_mean([step.attention for step in steps if step.attention is not None]),
        )

    def select(self, sentences: Tensor) -> Ensemble:
        """The same for some of the sentences."""
        return Ensemble(tuple(member.select(sentences) for member in self.members))


def _gather(states: Sequence[DecoderState]) -> DecoderState:
    named = {f"{number}.{name}": state[name] for number, state in enumerate(states) for name in state}
    return DecoderState(named)


def _mean(looks: Sequence[AttentionStep]) -> AttentionStep | None:
    if not looks:
        return None
    weights = torch.stack([look.weights for look in looks]).mean(dim=0)
    return AttentionStep(weights.log(), weights, weights.new_zeros(*weights.shape[:2], 0))
