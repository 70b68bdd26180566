"""Sampling: draw each next token from the model's distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from regard.errors import SearchError
from regard.records.text import Hypothesis
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, check_limits, mask_unwritable, start_tokens


@dataclass(frozen=True)
class Sampling:
    """How the model's distribution is changed before a token is drawn, in this order.

    temperature: divides the log-probabilities; below 1 sharper, above 1 more varied. top_k: only the k most
    probable tokens (Fan et al. 2018); 0: all. top_p: only the fewest tokens that together have probability p
    (the nucleus, Holtzman et al. 2020, section 3.1); 1: all. Raises SearchError for a value out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise SearchError(
                f"search: temperature {self.temperature}: expected a number above 0; use a beam of 1 for 0"
            )
        if self.top_k < 0:
            raise SearchError(f"search: top_k {self.top_k}: expected 1 or more, or 0 for all tokens")
        if not 0 < self.top_p <= 1:
            raise SearchError(f"search: top_p {self.top_p}: expected above 0 and at most 1")

    def distribution(self, log_probabilities: Float[Tensor, "R V"]) -> Float[Tensor, "R V"]:
        """Return the probabilities to draw from, in double precision."""
        scaled = (log_probabilities.double() / self.temperature).log_softmax(dim=-1)
        if self.top_k:
            kept = scaled.topk(min(self.top_k, scaled.shape[-1]), dim=-1)
            scaled = (
                torch.full_like(scaled, -torch.inf).scatter(1, kept.indices, kept.values).log_softmax(dim=-1)
            )
        probabilities = scaled.exp()
        if self.top_p < 1:
            descending, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
            before = descending.cumsum(dim=-1) - descending  # total probability of the more probable tokens
            descending = descending.masked_fill(before >= self.top_p, 0)
            probabilities = torch.zeros_like(descending).scatter(1, tokens, descending)
        return probabilities / probabilities.sum(dim=-1, keepdim=True)


def uniform_draws(seed: int, source: Sequence[int], max_length: int, num_samples: int) -> NDArray[np.float64]:
    """Return random numbers (num_samples, max_length), uniform in [0, 1), seeded by `seed` and the source tokens.

    A sentence's draws therefore do not depend on its batch, and the first samples stay the same if more are drawn.
    """
    return np.random.default_rng([seed, *source]).random((num_samples, max_length))


@torch.inference_mode()
def sample(
    stepper: Stepper,
    max_lengths: Sequence[int],
    draws: Sequence[NDArray[np.float64]],
    sampling: Sampling,
    ranking: Ranking = DEFAULT_RANKING,
) -> list[list[Hypothesis]]:
    """Return one hypothesis for each row of a sentence's `draws` (num_samples, max_length), in their order.

    A draw in [0, 1) selects the token at that point of the cumulative distribution. Log-probabilities are the
    model's, before `sampling` changes them. Every sentence must have the same number of rows.
    """
    check_limits(stepper, max_lengths)
    num_samples = len(draws[0]) if draws else 1
    builders = [[HypothesisBuilder() for _ in range(num_samples)] for _ in max_lengths]
    active = list(range(stepper.num_sentences))
    state = stepper.start()
    state = state.select(torch.arange(len(active)).repeat_interleave(num_samples))
    tokens = start_tokens(len(active) * num_samples, state)
    step = 0
    while active:
        prediction = stepper.step(tokens, state)
        state = prediction.state
        log_probabilities = mask_unwritable(prediction.log_probabilities)
        drawn = torch.tensor(np.concatenate([draws[sentence][:, step] for sentence in active]))
        tokens = _invert_cumulative(sampling.distribution(log_probabilities), drawn.to(tokens.device))
        gains = log_probabilities.gather(1, tokens.unsqueeze(1)).squeeze(1).tolist()
        weights = None if prediction.attention is None else prediction.attention.weights[:, 0].cpu().numpy()
        step += 1
        unfinished: list[int] = []
        for row, (token, gain) in enumerate(zip(tokens.tolist(), gains, strict=True)):
            sentence = active[row // num_samples]
            builder, limit = builders[sentence][row % num_samples], max_lengths[sentence]
            if not builder.is_finished(limit):
                builder.append(token, gain, None if weights is None else weights[row])
            if not builder.is_finished(limit) and row // num_samples not in unfinished[-1:]:
                unfinished.append(row // num_samples)
        if len(unfinished) < len(active):
            kept = torch.tensor(unfinished, dtype=torch.long, device=tokens.device)
            rows = (kept.unsqueeze(1) * num_samples + torch.arange(num_samples, device=kept.device)).flatten()
            stepper, state, tokens = stepper.select(kept), state.select(rows), tokens[rows]
            active = [active[index] for index in unfinished]
    return [
        [builder.build(ranking, sentence) for builder in samples] for sentence, samples in enumerate(builders)
    ]


def _invert_cumulative(probabilities: Float[Tensor, "R V"], drawn: Float[Tensor, " R"]) -> Tensor:
    """Return for each row the token (R,) in whose share of [0, 1) the drawn number falls."""
    cumulative = probabilities.cumsum(dim=-1)
    points = (drawn * cumulative[:, -1]).unsqueeze(1)
    return torch.searchsorted(cumulative, points, right=True).squeeze(1).clamp(max=cumulative.shape[1] - 1)
