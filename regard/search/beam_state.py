"""The state of a beam search: what each slot of the beam holds, and how the beam is extended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from regard.records.text import END, PAD
from regard.search.ranking import Ranking


@dataclass(frozen=True)
class Beam:
    """The beams of all unfinished sentences, (n, beam) each: last token, log-probability, length, finished.

    `coverage` (n, beam, S) is the attention that each source position received so far; None without coverage penalty.
    """

    tokens: Tensor
    totals: Tensor
    lengths: Tensor
    finished: Tensor
    coverage: Tensor | None = None

    @staticmethod
    def empty(start: Tensor, coverage: Tensor | None = None, num_groups: int = 1) -> Beam:
        """Begin from start symbols (n, beam); as all slots are equal, only the first of each group may continue."""
        totals = torch.full(start.shape, -torch.inf, device=start.device)
        totals[:, :: start.shape[1] // num_groups] = 0.0
        zeros = torch.zeros_like(totals, dtype=torch.long)
        return Beam(start, totals, zeros, zeros.bool(), coverage)

    def select(self, sentences: Tensor) -> Beam:
        """Return the beams of these sentences only."""
        coverage = None if self.coverage is None else self.coverage[sentences]
        return Beam(
            self.tokens[sentences],
            self.totals[sentences],
            self.lengths[sentences],
            self.finished[sentences],
            coverage,
        )

    def add_coverage(self, weights: Float[Tensor, "R S"]) -> Beam:
        """Add the attention weights of one step to the coverage of unfinished slots.

        Weights may be wider, padded for longer sentences; the coverage of such positions is 1.
        """
        if self.coverage is None:
            return self
        added = weights.reshape(*self.totals.shape, -1).masked_fill(self.finished.unsqueeze(-1), 0)
        padding = added.shape[-1] - self.coverage.shape[-1]
        return replace(self, coverage=pad(self.coverage, (0, padding), value=1.0) + added)

    def extend(
        self,
        log_probabilities: Float[Tensor, "R N"],
        tokens: Int[Tensor, "R N"],
        penalty: Tensor | None = None,
    ) -> tuple[Beam, Tensor]:
        """Keep the best continuations; return the new beam and the parent slot (n, beam) of each of its slots.

        `tokens` are the best next tokens of every slot, N being the beam size or the vocabulary if that is smaller.
        A finished hypothesis is carried over. A `penalty` (n, V) was subtracted from the log-probabilities of the
        tokens; it counts in this choice only and is added back to the totals. It must be 0 for PAD.
        """
        num_sentences, beam_size = self.totals.shape
        gains, tokens = (part.reshape(num_sentences, beam_size, -1) for part in (log_probabilities, tokens))
        continued = self.totals.unsqueeze(-1) + gains.masked_fill(self.finished.unsqueeze(-1), -torch.inf)
        continued[..., 0] = torch.where(self.finished, self.totals, continued[..., 0])
        tokens[..., 0] = tokens[..., 0].masked_fill(self.finished, PAD)
        rank = continued.clone()
        rank[..., 0] = rank[..., 0].masked_fill(
            self.finished, torch.inf
        )  # a finished hypothesis keeps its slot
        chosen = rank.flatten(1).topk(beam_size, dim=1).indices
        parents = chosen // continued.shape[-1]
        tokens, totals = tokens.flatten(1).gather(1, chosen), continued.flatten(1).gather(1, chosen)
        was_finished = self.finished.gather(1, parents) & (
            totals > -torch.inf
        )  # an empty slot never finishes
        if penalty is not None:
            totals = totals + penalty.gather(1, tokens)
        lengths = self.lengths.gather(1, parents) + (~was_finished).long()
        finished = was_finished | ((tokens == END) & (totals > -torch.inf))
        return Beam(tokens, totals, lengths, finished, self._coverage_of(parents)), parents

    def is_done(self, length: int, limits: Tensor, ranking: Ranking, num_best: int) -> Tensor:
        """Whether the `num_best` results of each sentence can no longer change, (n,)."""
        scores = ranking.scores(self.totals, self.lengths.clamp(min=1), self.coverage)
        worst_returned = scores.masked_fill(~self.finished, -torch.inf).topk(num_best, dim=1).values[:, -1]
        upper_bound = ranking.upper_bound(self.totals, limits.unsqueeze(1))
        upper_bound = upper_bound.masked_fill(self.finished, -torch.inf).amax(dim=1)
        enough = self.finished.sum(dim=1) >= num_best
        return (enough & (worst_returned >= upper_bound)) | (limits <= length)

    def ranked_slots(self, ranking: Ranking) -> Int[Tensor, "n beam"]:
        """Return the slots of each sentence, best first; finished hypotheses come before all others."""
        scores = ranking.scores(self.totals, self.lengths.clamp(min=1), self.coverage)
        by_score = scores.argsort(dim=1, descending=True, stable=True)
        finished = self.finished.gather(1, by_score).to(torch.uint8)
        return by_score.gather(1, finished.argsort(dim=1, descending=True, stable=True))

    def split(self, num_groups: int) -> list[Beam]:
        """Cut the beam into groups of adjacent slots, each a beam of its own."""
        size = self.totals.shape[1] // num_groups
        cuts = [slice(start, start + size) for start in range(0, num_groups * size, size)]
        return [
            Beam(
                self.tokens[:, cut],
                self.totals[:, cut],
                self.lengths[:, cut],
                self.finished[:, cut],
                None if self.coverage is None else self.coverage[:, cut],
            )
            for cut in cuts
        ]

    @staticmethod
    def merge(groups: Sequence[Beam]) -> Beam:
        """Undo `split`."""
        coverage = [group.coverage for group in groups if group.coverage is not None]
        return Beam(
            torch.cat([group.tokens for group in groups], dim=1),
            torch.cat([group.totals for group in groups], dim=1),
            torch.cat([group.lengths for group in groups], dim=1),
            torch.cat([group.finished for group in groups], dim=1),
            torch.cat(coverage, dim=1) if coverage else None,
        )

    def _coverage_of(self, parents: Tensor) -> Tensor | None:
        if self.coverage is None:
            return None
        return self.coverage.gather(1, parents.unsqueeze(-1).expand_as(self.coverage))
