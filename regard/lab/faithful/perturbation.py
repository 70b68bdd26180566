"""How the output changes when the attention weights are replaced."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.model import Seq2Seq
from regard.records.tensors import Batch, DecoderState

NUM_PERMUTATIONS = 11  # odd, so that the median is one of them


@dataclass(frozen=True)
class Perturbation:
    """The effect of other weights at each output token, (B, T) each; values at padding are meaningless.

    With weights replaced at a single step, all steps before it unchanged: `*_distance` is the total variation
    distance between the distribution over the vocabulary and the original one, from 0 to 1; `*_change` says whether
    another token becomes the most probable. `permuted_*` summarise permutations of the step's own weights: the median
    distance, the share of changes. Over whole sentences: `log_probability` and `right` (whether the target's token is
    the most probable) under the model's own weights, `uniform_log_probability` and `uniform_right` under uniform
    weights at every step.
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
def perturb(
    model: Seq2Seq, batch: Batch, seed: int = 1, num_permutations: int = NUM_PERMUTATIONS
) -> Perturbation:
    """Force a batch through its targets, and repeat each step with other weights.

    Source: permuted weights are Jain & Wallace 2019, section 4.2.1, algorithm 2 (the median total variation
    distance of 100 permutations); uniform weights are the baseline of Wiegreffe & Pinter 2019, section 3.2, who
    also train with them: only that would tell whether a model could have learnt to do without.
    """
    decoder = model.decoder
    memory = model.encode(batch.source, batch.source_valid)
    generator = torch.Generator().manual_seed(seed)
    uniform = memory.valid / memory.valid.sum(1, keepdim=True)  # (B, S)
    rows = torch.arange(len(uniform), device=uniform.device).repeat_interleave(num_permutations + 1)
    state = uniform_state = decoder.start(memory)
    columns: list[tuple[Tensor, ...]] = []
    for token, target in zip(batch.previous.unbind(1), batch.target.unbind(1), strict=True):
        step = decoder.step(token, state, memory)
        assert step.attention is not None, "a model without attention cannot be perturbed"
        own = model.log_probabilities(step.combined.squeeze(1))  # (B, V)
        permuted = _permutations(step.attention.weights, memory.valid, num_permutations, generator)
        weights = torch.cat([permuted, uniform.unsqueeze(1)], 1)  # (B, permutations + 1, S)
        tried = decoder.step(token[rows], _override(state.select(rows), weights.flatten(0, 1)), memory)
        other = model.log_probabilities(tried.combined.squeeze(1)).unflatten(0, weights.shape[:2])
        distance = (other.exp() - own.exp().unsqueeze(1)).abs().sum(-1) / 2  # (B, permutations + 1)
        change = (other.argmax(-1) != own.argmax(-1, keepdim=True)).float()
        uniform_step = decoder.step(token, _override(uniform_state, uniform), memory)
        under_uniform = model.log_probabilities(uniform_step.combined.squeeze(1))
        columns.append(
            (
                distance[:, :-1].median(dim=1).values,
                change[:, :-1].mean(dim=1),
                distance[:, -1],
                change[:, -1],
                *_score(own, target),
                *_score(under_uniform, target),
            )
        )
        state, uniform_state = step.state, uniform_step.state
    return Perturbation(*(torch.stack(column, dim=1) for column in zip(*columns, strict=True)))


def _permutations(
    weights: Float[Tensor, "B 1 S"],
    valid: Bool[Tensor, "B S"],
    num_permutations: int,
    generator: torch.Generator,
) -> Float[Tensor, "B P S"]:
    """Return random permutations of the weights of each row; those at padding, which comes last, stay there."""
    keys = torch.rand(len(weights), num_permutations, weights.shape[-1], generator=generator).to(
        weights.device
    )
    order = keys.masked_fill(~valid.unsqueeze(1), 2.0).argsort(dim=-1)
    return weights.expand(-1, num_permutations, -1).gather(-1, order)


def _override(state: DecoderState, weights: Float[Tensor, "R S"]) -> DecoderState:
    """Return the state with weights that replace those its next step would compute."""
    return DecoderState({**state.tensors, "attention.override": weights})


def _score(log_probabilities: Float[Tensor, "B V"], target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log-probability of the target tokens, and whether they are the most probable."""
    chosen = log_probabilities.gather(1, target.unsqueeze(1)).squeeze(1)
    return chosen, (log_probabilities.argmax(-1) == target).float()
