"""Ensembles: several models that decode together."""

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
    """A stepper that averages the predictions of others, which have the same vocabularies and sentences.

    A token's probability is the arithmetic mean of the members' probabilities. Attention weights are the mean over
    the members with attention, `scores` their logarithm; there is no common context. In the joint state the tensors
    of a member are prefixed by its index and a dot.
    """

    members: tuple[Stepper, ...]

    @property
    def num_sentences(self) -> int:
        """Number of sentences in the batch."""
        return self.members[0].num_sentences

    def start(self) -> DecoderState:
        """Return the joint initial state of all members."""
        return _merge_states([member.start() for member in self.members])

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Step every member and average their predictions."""
        steps = [
            member.step(tokens, DecoderState(state.group(str(index))))
            for index, member in enumerate(self.members)
        ]
        summed = torch.stack([step.log_probabilities for step in steps]).logsumexp(dim=0)
        return Prediction(
            log_probabilities=summed - math.log(len(steps)),
            state=_merge_states([step.state for step in steps]),
            attention=_mean([step.attention for step in steps if step.attention is not None]),
        )

    def select(self, sentences: Tensor) -> Ensemble:
        """Return an ensemble for these sentences only."""
        return Ensemble(tuple(member.select(sentences) for member in self.members))


def _merge_states(states: Sequence[DecoderState]) -> DecoderState:
    return DecoderState(
        {f"{index}.{name}": state[name] for index, state in enumerate(states) for name in state}
    )


def _mean(steps: Sequence[AttentionStep]) -> AttentionStep | None:
    if not steps:
        return None
    weights = torch.stack([step.weights for step in steps]).mean(dim=0)
    return AttentionStep(weights.log(), weights, weights.new_zeros(*weights.shape[:2], 0))
