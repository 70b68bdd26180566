"""Diverse beam search: groups of hypotheses that shun each other's words."""

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
from regard.search.stepper import best_writable


@dataclass(frozen=True)
class Groups:
    """A beam cut into groups, each a beam search of its own; one group is beam search.

    At each step the groups choose one after another, and a token loses `penalty` nats for each time that an earlier
    group has just chosen it (Vijayakumar et al. 2018, Diverse beam search, with Hamming diversity). The penalty
    weighs in that one choice only: log-probabilities and scores are the model's.
    """

    number: int = 1
    penalty: float = 0.5

    def __post_init__(self) -> None:
        if self.number < 1:
            raise SearchError(f"search: expected 1 group or more, got {self.number}")
        if not self.penalty >= 0:
            raise SearchError(f"search: a diversity penalty must be 0 or more, got {self.penalty}")

    def check(self, beam: int) -> None:
        """Raise SearchError unless the beam can be shared out evenly."""
        if beam % self.number:
            raise SearchError(f"search: a beam of {beam} cannot be cut into {self.number} groups of one size")

    def extend(self, slots: Beam, log_probabilities: Float[Tensor, "R V"]) -> tuple[Beam, Tensor]:
        """As `Beam.extend` by the best of these, group after group."""
        sentences, beam = slots.totals.shape
        size = beam // self.number
        steps = log_probabilities.reshape(sentences, beam, -1).chunk(self.number, dim=1)
        chosen = torch.zeros_like(steps[0][:, 0])  # (n, V): how often each token was chosen at this step
        made, parents = [], []
        for group, (part, step) in enumerate(zip(slots.split(self.number), steps, strict=True)):
            handicap = self.penalty * chosen
            best = best_writable((step - handicap.unsqueeze(1)).flatten(0, 1), size)
            grown, parent = part.extend(*best, handicap)
            written = (grown.totals > -torch.inf) & (grown.tokens != PAD)
            chosen.scatter_add_(1, grown.tokens, written.to(chosen.dtype))
            made.append(grown)
            parents.append(parent + group * size)
        return Beam.join(made), torch.cat(parents, dim=1)

    def decided(self, slots: Beam, length: int, limits: Tensor, ranking: Ranking, num_best: int) -> Tensor:
        """Whether no group's share of the answer can change any more, (n,)."""
        if self.number == 1:
            return slots.decided(length, limits, ranking, num_best)
        share = -(-num_best // self.number)
        each = [part.decided(length, limits, ranking, share) for part in slots.split(self.number)]
        return torch.stack(each).all(dim=0)

    def offer(self, slots: Beam, ranking: Ranking, num_best: int) -> Int[Tensor, "n slots"]:
        """The slots that an answer may come from: of a single group the best, of several all."""
        order = slots.order(ranking)
        return order[:, :num_best] if self.number == 1 else order.sort(dim=1).values

    def answer(self, read: Sequence[Hypothesis | None], num_best: int) -> list[Hypothesis]:
        """From what the slots of `offer` hold: every group's best, then every group's second best, … until enough.

        What two groups wrote alike counts once. Those that reached END come first, each part best first.
        """
        size = len(read) // self.number
        groups = [_ranked(read[start : start + size]) for start in range(0, len(read), size)]
        in_turn = [group[rank] for rank in range(size) for group in groups if rank < len(group)]
        distinct: dict[tuple[int, ...], Hypothesis] = {}
        for one in in_turn:
            distinct.setdefault(one.ids, one)
        return _ranked(list(distinct.values())[:num_best])


def _ranked(read: Sequence[Hypothesis | None]) -> list[Hypothesis]:
    """The finished before the cut off, each part best first."""
    found = [one for one in read if one is not None]
    return sorted(found, key=lambda one: (one.ids[-1] == END, one.score), reverse=True)
