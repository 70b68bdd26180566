"""What happens to the output when the model is made to look elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.model import Seq2Seq
from regard.records.tensors import Batch, DecoderState

NUM_PERMUTATIONS = 11  # an odd number, so that the median is one of them


@dataclass(frozen=True)
class Disturbed:
    """What other weights do at each output token, (B, T) each; padding holds nothing of use.

    At a single step, all before it as it was: `*_distance` is the total variation distance of the distribution
    over the vocabulary from the undisturbed one, from 0 to 1; `*_change` says whether another token becomes the
    most probable. `permuted_*` are over permutations of the step's own weights: the median distance, the share
    of changes. At all steps: `log_probability` and `right` (whether the target's token is the most probable)
    under the model's own weights, `uniform_log_probability` and `uniform_right` when it looks everywhere alike
    throughout.
    """

    permuted_distance: Float[Tensor, "B T"]
    permuted_change: Float[Tensor, "B T"]
    uniform_distance: Float[Tensor, "B T"]
    uniform_change: Float[Tensor, "B T"]
    log_probability: Float[Tensor, "B T"]
    right: Float[Tensor, "B T"]
    uniform_log_probability: Float[Tensor, "B T"]
    uniform_right: Float[Tensor, "B T"]


@torch.inference_mode()
def disturb(
    model: Seq2Seq, batch: Batch, seed: int = 1, num_permutations: int = NUM_PERMUTATIONS
) -> Disturbed:
    """Force a batch through its targets, and at each step try the step again with other weights.

    Source: permuted weights are Jain & Wallace 2019, section 4.2.1, algorithm 2 (the median total variation
    distance of 100 permutations); uniform weights are the baseline of Wiegreffe & Pinter 2019, section 3.2, who
    also train with them: only that would tell whether a model could have learnt to do without.
    """
    decoder = model.decoder
    memory = model.encode(batch.source, batch.source_valid)
    random = torch.Generator().manual_seed(seed)
    uniform = memory.valid / memory.valid.sum(1, keepdim=True)  # (B, S)
    rows = torch.arange(len(uniform), device=uniform.device).repeat_interleave(num_permutations + 1)
    state = blind = decoder.start(memory)
    columns: list[tuple[Tensor, ...]] = []
    for token, wanted in zip(batch.previous.unbind(1), batch.target.unbind(1), strict=True):
        step = decoder.step(token, state, memory)
        assert step.attention is not None, "only what attends can be disturbed"
        own = model.log_probabilities(step.combined.squeeze(1))  # (B, V)
        others = torch.cat(
            [_permuted(step.attention.weights, memory.valid, num_permutations, random), uniform.unsqueeze(1)],
            1,
        )  # (B, permutations + 1, S)
        tried = decoder.step(token[rows], _looking(state.select(rows), others.flatten(0, 1)), memory)
        other = model.log_probabilities(tried.combined.squeeze(1)).unflatten(0, others.shape[:2])
        distance = (other.exp() - own.exp().unsqueeze(1)).abs().sum(-1) / 2  # (B, permutations + 1)
        change = (other.argmax(-1) != own.argmax(-1, keepdim=True)).float()
        away = decoder.step(token, _looking(blind, uniform), memory)
        unseeing = model.log_probabilities(away.combined.squeeze(1))
        columns.append(
            (
                distance[:, :-1].median(dim=1).values,
                change[:, :-1].mean(dim=1),
                distance[:, -1],
                change[:, -1],
                *_likely(own, wanted),
                *_likely(unseeing, wanted),
            )
        )
        state, blind = step.state, away.state
    return Disturbed(*(torch.stack(column, dim=1) for column in zip(*columns, strict=True)))


def _permuted(
    weights: Float[Tensor, "B 1 S"], valid: Bool[Tensor, "B S"], number: int, random: torch.Generator
) -> Float[Tensor, "B P S"]:
    """The weights of each row in `number` random orders; those at padding, which comes last, stay there."""
    keys = torch.rand(len(weights), number, weights.shape[-1], generator=random).to(weights.device)
    order = keys.masked_fill(~valid.unsqueeze(1), 2.0).argsort(dim=-1)
    return weights.expand(-1, number, -1).gather(-1, order)


def _looking(state: DecoderState, weights: Float[Tensor, "R S"]) -> DecoderState:
    """The state, with these weights in place of those that its next step would compute."""
    return DecoderState({**state.tensors, "attention.override": weights})


def _likely(log_probabilities: Float[Tensor, "B V"], wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The log-probability of the wanted tokens, and whether they are the most probable."""
    likely = log_probabilities.gather(1, wanted.unsqueeze(1)).squeeze(1)
    return likely, (log_probabilities.argmax(-1) == wanted).float()
