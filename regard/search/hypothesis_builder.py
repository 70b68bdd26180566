"""A hypothesis under construction, and the record it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from regard.records.text import END, DecodedTokens, Hypothesis
from regard.search.ranking import Ranking


@dataclass
class HypothesisBuilder:
    """The tokens of one hypothesis so far, their log-probabilities, and their attention weights in blocks (k, S)."""

    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)

    def append(self, token: int, log_probability: float, weights: np.ndarray | None) -> None:
        """Append one token, with its attention weights (S,)."""
        self.ids.append(token)
        self.log_probabilities.append(log_probability)
        if weights is not None:
            self.weights.append(weights[np.newaxis])

    def extend(self, decoded: DecodedTokens) -> None:
        """Append several tokens."""
        self.ids += decoded.ids
        self.log_probabilities += decoded.log_probabilities
        if decoded.attention is not None and len(decoded.attention):
            self.weights.append(decoded.attention)

    def is_finished(self, max_length: int) -> bool:
        """Whether the hypothesis ends in END or has reached its maximum length."""
        return len(self.ids) >= max_length or self.ids[-1:] == [END]

    def flipped(self) -> HypothesisBuilder:
        """Return the hypothesis in reading order, after it was built from its last token to its first."""
        weights = [block[::-1] for block in reversed(self.weights)]
        return HypothesisBuilder(self.ids[::-1], self.log_probabilities[::-1], weights)

    def build(self, ranking: Ranking, sentence: int) -> Hypothesis:
        """Return the record; `sentence` is the index of its sentence in `ranking`."""
        total = sum(self.log_probabilities)
        attention = np.concatenate(self.weights) if self.weights else None
        return Hypothesis(
            ids=tuple(self.ids),
            log_probability=total,
            score=ranking.score(total, len(self.ids), attention, sentence),
            attention=attention,
            log_probabilities=tuple(self.log_probabilities),
        )
