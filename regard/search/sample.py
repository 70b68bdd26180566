"""Sampling: draw each next token by its probability."""

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
from regard.search.stepper import Stepper, check_limits, start_tokens, writable


@dataclass(frozen=True)
class Sampling:
    """How the model's distribution is changed before a token is drawn, in this order.

    temperature: log-probabilities are divided by it; below 1 bolder, above 1 more varied. top_k: only the k most
    probable tokens (Fan et al. 2018); 0: all. top_p: only the fewest tokens that together have probability p
    (the nucleus, Holtzman et al. 2020, section 3.1); 1: all. Raises SearchError for what cannot be.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise SearchError(
                f"search: temperature {self.temperature}: expected a number above 0; a beam of 1 never draws"
            )
        if self.top_k < 0:
            raise SearchError(f"search: top_k {self.top_k}: expected 1 or more, or 0 for all tokens")
        if not 0 < self.top_p <= 1:
            raise SearchError(f"search: top_p {self.top_p}: expected above 0 and at most 1")

    def distribution(self, log_probabilities: Float[Tensor, "R V"]) -> Float[Tensor, "R V"]:
        """The probabilities drawn from, in double precision."""
        warm = (log_probabilities.double() / self.temperature).log_softmax(dim=-1)
        if self.top_k:
            kept = warm.topk(min(self.top_k, warm.shape[-1]), dim=-1)
            warm = torch.full_like(warm, -torch.inf).scatter(1, kept.indices, kept.values).log_softmax(dim=-1)
        probabilities = warm.exp()
        if self.top_p < 1:
            falling, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
            before = falling.cumsum(dim=-1) - falling  # what the more probable ones have together
            falling = falling.masked_fill(before >= self.top_p, 0)
            probabilities = torch.zeros_like(falling).scatter(1, tokens, falling)
        return probabilities / probabilities.sum(dim=-1, keepdim=True)


def noise(seed: int, source: Sequence[int], max_length: int, number: int) -> NDArray[np.float64]:
    """Uniform numbers (number, max_length) in [0, 1) that depend on the sentence, not on what it is batched with.

    The first samples stay the same when more are asked for.
    """
    return np.random.default_rng([seed, *source]).random((number, max_length))


@torch.inference_mode()
def sample(
    stepper: Stepper,
    max_lengths: Sequence[int],
    draws: Sequence[NDArray[np.float64]],
    sampling: Sampling,
    ranking: Ranking = DEFAULT_RANKING,
) -> list[list[Hypothesis]]:
    """For each sentence as many hypotheses as its `draws` (number, max_length) has rows, in their order.

    Each draw in [0, 1) picks the token at that point of the cumulated distribution. Log-probabilities are the
    model's, whatever `sampling` makes of them. Every sentence must have as many rows.
    """
    check_limits(stepper, max_lengths)
    number = len(draws[0]) if draws else 1
    writers = [[HypothesisBuilder() for _ in range(number)] for _ in max_lengths]
    going = list(range(stepper.num_sentences))
    state = stepper.start()
    state = state.select(torch.arange(len(going)).repeat_interleave(number))
    tokens = start_tokens(len(going) * number, state)
    step = 0
    while going:
        prediction = stepper.step(tokens, state)
        state = prediction.state
        log_probabilities = writable(prediction.log_probabilities)
        drawn = torch.tensor(np.concatenate([draws[sentence][:, step] for sentence in going]))
        tokens = _pick(sampling.distribution(log_probabilities), drawn.to(tokens.device))
        gains = log_probabilities.gather(1, tokens.unsqueeze(1)).squeeze(1).tolist()
        looks = None if prediction.attention is None else prediction.attention.weights[:, 0].cpu().numpy()
        step += 1
        alive: list[int] = []
        for row, (token, gain) in enumerate(zip(tokens.tolist(), gains, strict=True)):
            sentence = going[row // number]
            writer, limit = writers[sentence][row % number], max_lengths[sentence]
            if not writer.ended(limit):
                writer.add(token, gain, None if looks is None else looks[row])
            if not writer.ended(limit) and row // number not in alive[-1:]:
                alive.append(row // number)
        if len(alive) < len(going):
            kept = torch.tensor(alive, dtype=torch.long, device=tokens.device)
            rows = (kept.unsqueeze(1) * number + torch.arange(number, device=kept.device)).flatten()
            stepper, state, tokens = stepper.select(kept), state.select(rows), tokens[rows]
            going = [going[place] for place in alive]
    return [
        [writer.hypothesis(ranking, sentence) for writer in each] for sentence, each in enumerate(writers)
    ]


def _pick(probabilities: Float[Tensor, "R V"], drawn: Float[Tensor, " R"]) -> Tensor:
    """The token of each row (R,) in whose share of [0, 1) the number drawn falls."""
    cumulated = probabilities.cumsum(dim=-1)
    points = (drawn * cumulated[:, -1]).unsqueeze(1)
    return torch.searchsorted(cumulated, points, right=True).squeeze(1).clamp(max=cumulated.shape[1] - 1)
