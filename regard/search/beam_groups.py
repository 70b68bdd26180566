"""Diverse beam search: groups of hypotheses that are penalised for each other's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.errors import SearchError
from regard.records.text import END, PAD, Hypothesis
from regard.search.beam_state import Beam
from regard.search.ranking import Ranking
from regard.search.stepper import top_writable


@dataclass(frozen=True)
class BeamGroups:
    """A beam cut into groups, each a beam search of its own; a single group is plain beam search.

    At each step the groups choose one after another, and a token loses `diversity` nats for each time that an earlier
    group has just chosen it (Vijayakumar et al. 2018, Diverse beam search, with Hamming diversity). The penalty
    applies to that choice only: log-probabilities and scores are the model's.
    """

    num_groups: int = 1
    diversity: float = 0.5

    def __post_init__(self) -> None:
        if self.num_groups < 1:
            raise SearchError(f"search: expected 1 group or more, got {self.num_groups}")
        if not self.diversity >= 0:
            raise SearchError(f"search: a diversity penalty must be 0 or more, got {self.diversity}")

    def check(self, beam_size: int) -> None:
        """Raise SearchError unless the beam can be divided evenly."""
        if beam_size % self.num_groups:
            raise SearchError(
                f"search: a beam of {beam_size} cannot be cut into {self.num_groups} groups of one size"
            )

    def extend(self, beam: Beam, log_probabilities: Float[Tensor, "R V"]) -> tuple[Beam, Tensor]:
        """Extend the groups one after another, each as `Beam.extend` does."""
        num_sentences, beam_size = beam.totals.shape
        size = beam_size // self.num_groups
        by_group = log_probabilities.reshape(num_sentences, beam_size, -1).chunk(self.num_groups, dim=1)
        counts = torch.zeros_like(by_group[0][:, 0])  # (n, V): how often each token was chosen at this step
        extended, parents = [], []
        for index, (group, gains) in enumerate(zip(beam.split(self.num_groups), by_group, strict=True)):
            penalty = self.diversity * counts
            best = top_writable((gains - penalty.unsqueeze(1)).flatten(0, 1), size)
            longer, parent = group.extend(*best, penalty)
            chosen = (longer.totals > -torch.inf) & (longer.tokens != PAD)
            counts.scatter_add_(1, longer.tokens, chosen.to(counts.dtype))
            extended.append(longer)
            parents.append(parent + index * size)
        return Beam.merge(extended), torch.cat(parents, dim=1)

    def is_done(self, beam: Beam, length: int, limits: Tensor, ranking: Ranking, num_best: int) -> Tensor:
        """Whether the results that each sentence takes from its groups can no longer change, (n,)."""
        if self.num_groups == 1:
            return beam.is_done(length, limits, ranking, num_best)
        share = -(-num_best // self.num_groups)
        done = [group.is_done(length, limits, ranking, share) for group in beam.split(self.num_groups)]
        return torch.stack(done).all(dim=0)

    def result_slots(self, beam: Beam, ranking: Ranking, num_best: int) -> Int[Tensor, "n slots"]:
        """Return the slots that results may come from: the best of a single group, all slots of several."""
        slots = beam.ranked_slots(ranking)
        return slots[:, :num_best] if self.num_groups == 1 else slots.sort(dim=1).values

    def results(self, hypotheses: Sequence[Hypothesis | None], num_best: int) -> list[Hypothesis]:
        """Select from the hypotheses in `result_slots`: the best of each group, then the second best of each, ….

        A hypothesis that several groups found counts once. Finished ones come first, then those that were cut off,
        each best first.
        """
        size = len(hypotheses) // self.num_groups
        groups = [_ranked(hypotheses[start : start + size]) for start in range(0, len(hypotheses), size)]
        in_turn = [group[rank] for rank in range(size) for group in groups if rank < len(group)]
        distinct: dict[tuple[int, ...], Hypothesis] = {}
        for hypothesis in in_turn:
            distinct.setdefault(hypothesis.ids, hypothesis)
        return _ranked(list(distinct.values())[:num_best])


def _ranked(hypotheses: Sequence[Hypothesis | None]) -> list[Hypothesis]:
    """Drop empty slots; sort finished hypotheses before those that were cut off, each best first."""
    found = [one for one in hypotheses if one is not None]
    return sorted(found, key=lambda one: (one.ids[-1] == END, one.score), reverse=True)
