"""What one row of a search has written so far, and the record it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from regard.records.text import END, Hypothesis, Run
from regard.search.ranking import Ranking


@dataclass
class HypothesisBuilder:
    """Tokens written, the log-probability of each, and the weights of the steps, in blocks (k, S)."""

    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    looks: list[np.ndarray] = field(default_factory=list)

    def add(self, token: int, log_probability: float, look: np.ndarray | None) -> None:
        """Write one more token."""
        self.ids.append(token)
        self.log_probabilities.append(log_probability)
        if look is not None:
            self.looks.append(look[np.newaxis])

    def go_on(self, run: Run) -> None:
        """Write what was written in one go."""
        self.ids += run.ids
        self.log_probabilities += run.log_probabilities
        if run.attention is not None and len(run.attention):
            self.looks.append(run.attention)

    def ended(self, max_length: int) -> bool:
        """Whether there is nothing more to write."""
        return len(self.ids) >= max_length or self.ids[-1:] == [END]

    def turned_round(self) -> HypothesisBuilder:
        """What was written backwards, the right way round."""
        looks = [block[::-1] for block in reversed(self.looks)]
        return HypothesisBuilder(self.ids[::-1], self.log_probabilities[::-1], looks)

    def hypothesis(self, ranking: Ranking, sentence: int) -> Hypothesis:
        """The finished record; `sentence` is its place among those that `ranking` knows."""
        total = sum(self.log_probabilities)
        attention = np.concatenate(self.looks) if self.looks else None
        return Hypothesis(
            ids=tuple(self.ids),
            log_probability=total,
            score=ranking.score(total, len(self.ids), attention, sentence),
            attention=attention,
            log_probabilities=tuple(self.log_probabilities),
        )
