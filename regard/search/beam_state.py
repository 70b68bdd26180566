"""The beam while it is being written: what each of its slots holds, and how slots go on."""

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
    """The beam of each sentence still going, (n, beam) each: last token, log-probability, length, ended or not.

    `received` (n, beam, S) is the attention that each source place got so far; None where no coverage counts.
    """

    tokens: Tensor
    totals: Tensor
    lengths: Tensor
    finished: Tensor
    received: Tensor | None = None

    @staticmethod
    def empty(start: Tensor, received: Tensor | None = None, groups: int = 1) -> Beam:
        """From the start symbols (n, beam): all slots are alike, so only the first of each group may go on."""
        totals = torch.full(start.shape, -torch.inf, device=start.device)
        totals[:, :: start.shape[1] // groups] = 0.0
        nothing = torch.zeros_like(totals, dtype=torch.long)
        return Beam(start, totals, nothing, nothing.bool(), received)

    def select(self, rows: Tensor) -> Beam:
        """Only these sentences."""
        received = None if self.received is None else self.received[rows]
        return Beam(self.tokens[rows], self.totals[rows], self.lengths[rows], self.finished[rows], received)

    def attend(self, looks: Float[Tensor, "R S"]) -> Beam:
        """With what the slots that are being written attended to added to what was received.

        Looks may be wider, padded for longer sentences than these; such places have received 1.
        """
        if self.received is None:
            return self
        added = looks.reshape(*self.totals.shape, -1).masked_fill(self.finished.unsqueeze(-1), 0)
        padding = added.shape[-1] - self.received.shape[-1]
        return replace(self, received=pad(self.received, (0, padding), value=1.0) + added)

    def extend(
        self, gains: Float[Tensor, "R N"], tokens: Int[Tensor, "R N"], handicap: Tensor | None = None
    ) -> tuple[Beam, Tensor]:
        """The best continuations, and for each the slot (n, beam) it continues; finished ones go on as they are.

        Given are the best tokens of every slot, as many as the beam or all there are, and their log-probabilities.
        A `handicap` (n, V) is what each token has lost there, and loses in the choice only; of PAD it must be 0.
        """
        sentences, beam = self.totals.shape
        gains, tokens = (part.reshape(sentences, beam, -1) for part in (gains, tokens))
        continued = self.totals.unsqueeze(-1) + gains.masked_fill(self.finished.unsqueeze(-1), -torch.inf)
        continued[..., 0] = torch.where(self.finished, self.totals, continued[..., 0])
        tokens[..., 0] = tokens[..., 0].masked_fill(self.finished, PAD)
        rank = continued.clone()
        rank[..., 0] = rank[..., 0].masked_fill(self.finished, torch.inf)  # a finished one keeps its slot
        chosen = rank.flatten(1).topk(beam, dim=1).indices
        parents = chosen // continued.shape[-1]
        tokens, totals = tokens.flatten(1).gather(1, chosen), continued.flatten(1).gather(1, chosen)
        already = self.finished.gather(1, parents) & (totals > -torch.inf)  # an empty slot has ended nothing
        if handicap is not None:
            totals = totals + handicap.gather(1, tokens)
        lengths = self.lengths.gather(1, parents) + (~already).long()
        finished = already | ((tokens == END) & (totals > -torch.inf))
        return Beam(tokens, totals, lengths, finished, self._received_by(parents)), parents

    def decided(self, length: int, limits: Tensor, ranking: Ranking, num_best: int) -> Tensor:
        """Whether a sentence's answer cannot change any more, (n,)."""
        scores = ranking.scores(self.totals, self.lengths.clamp(min=1), self.received)
        worst_returned = scores.masked_fill(~self.finished, -torch.inf).topk(num_best, dim=1).values[:, -1]
        upper_bound = ranking.upper_bound(self.totals, limits.unsqueeze(1)).masked_fill(
            self.finished, -torch.inf
        )
        enough = self.finished.sum(dim=1) >= num_best
        return (enough & (worst_returned >= upper_bound.amax(dim=1))) | (limits <= length)

    def order(self, ranking: Ranking) -> Int[Tensor, "n beam"]:
        """The slots of each sentence, best first, those that have ended before all others."""
        scores = ranking.scores(self.totals, self.lengths.clamp(min=1), self.received)
        by_score = scores.argsort(dim=1, descending=True, stable=True)
        ended = self.finished.gather(1, by_score).to(torch.uint8)
        return by_score.gather(1, ended.argsort(dim=1, descending=True, stable=True))

    def split(self, groups: int) -> list[Beam]:
        """The slots in so many groups of neighbours, each a beam of its own."""
        size = self.totals.shape[1] // groups
        cuts = [slice(start, start + size) for start in range(0, groups * size, size)]
        return [
            Beam(
                self.tokens[:, cut],
                self.totals[:, cut],
                self.lengths[:, cut],
                self.finished[:, cut],
                None if self.received is None else self.received[:, cut],
            )
            for cut in cuts
        ]

    @staticmethod
    def join(parts: Sequence[Beam]) -> Beam:
        """What `split` gave, together again."""
        received = [part.received for part in parts if part.received is not None]
        return Beam(
            torch.cat([part.tokens for part in parts], dim=1),
            torch.cat([part.totals for part in parts], dim=1),
            torch.cat([part.lengths for part in parts], dim=1),
            torch.cat([part.finished for part in parts], dim=1),
            torch.cat(received, dim=1) if received else None,
        )

    def _received_by(self, parents: Tensor) -> Tensor | None:
        if self.received is None:
            return None
        return self.received.gather(1, parents.unsqueeze(-1).expand_as(self.received))
