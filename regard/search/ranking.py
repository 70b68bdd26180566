"""What makes one hypothesis better than another: its log-probability, its length, what it left unlooked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from torch import Tensor

from regard.errors import SearchError

LENGTH_FORMS = ("power", "gnmt")
LEAST_COVERAGE = 1e-4  # a place attended to less counts as this: sparse weights may give it nothing at all


@dataclass(frozen=True)
class Ranking:
    """The score that hypotheses are ranked by: log-probability / length penalty + coverage penalty.

    The length penalty of |Y| tokens, with a for `length_penalty`, is |Y| ** a under `power` (Cho et al. 2014b, On
    the properties …, section 4, where a is 1) and ((5 + |Y|) / 6) ** a under `gnmt`. The coverage penalty is
    `coverage_penalty` times the sum over source places of log min(c, 1), c being all the attention that a place
    received (both: Wu et al. 2016, section 7, eq. 14). `source_lengths` are the places of each sentence,
    end-of-sentence counted; only the coverage penalty needs them. Raises SearchError for what makes no ranking.
    """

    length_penalty: float = 1.0
    length_form: str = "power"
    coverage_penalty: float = 0.0
    source_lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for key in ("length_penalty", "coverage_penalty"):
            if not getattr(self, key) >= 0:
                raise SearchError(f"search.{key}: expected 0 or more, got {getattr(self, key)}")
        if self.length_form not in LENGTH_FORMS:
            raise SearchError(
                f"search.length_form: unknown form {self.length_form!r}; known forms: {', '.join(LENGTH_FORMS)}"
            )

    def score(self, total: float, length: int, attention: np.ndarray | None, sentence: int) -> float:
        """Of one hypothesis that attended by `attention` (T, S); nothing written scores its log-probability."""
        scored = total / self._divisor(length) if length else total
        if not self.coverage_penalty:
            return scored
        received = _checked(attention)[:, : self.source_lengths[sentence]].sum(axis=0)
        return scored + self.coverage_penalty * float(np.log(received.clip(LEAST_COVERAGE, 1)).sum())

    def scores(self, totals: Tensor, lengths: Tensor, received: Tensor | None) -> Tensor:
        """Of many; `received` has the source places last."""
        scores: Tensor = totals / self._divisor(lengths)
        if received is None:
            return scores
        return scores + self.coverage_penalty * received.clamp(LEAST_COVERAGE, 1).log().sum(dim=-1)

    def upper_bound(self, totals: Tensor, limits: Tensor) -> Tensor:
        """No continuation scores more: log-probabilities only fall, and no coverage penalty is above 0."""
        upper_bound: Tensor = totals / self._divisor(limits)
        return upper_bound

    def nothing_received(self, beam: int, device: torch.device) -> Tensor | None:
        """Received attention (B, beam, S) at the start, 1 at padding, which so costs nothing; None if not needed."""
        if not self.coverage_penalty:
            return None
        lengths = torch.tensor(self.source_lengths, device=device)
        places = torch.arange(max(self.source_lengths, default=0), device=device)
        return (places >= lengths.unsqueeze(1)).float().unsqueeze(1).repeat(1, beam, 1)

    @overload
    def _divisor(self, length: int) -> float: ...
    @overload
    def _divisor(self, length: Tensor) -> Tensor: ...
    def _divisor(self, length: int | Tensor) -> float | Tensor:
        if self.length_form == "gnmt":
            return ((5 + length) / 6) ** self.length_penalty
        return length**self.length_penalty


DEFAULT_RANKING = Ranking()


def _checked(attention: np.ndarray | None) -> np.ndarray:
    """The attention of a hypothesis, or SearchError for a model without."""
    if attention is None:
        raise SearchError(
            "search.coverage_penalty: this model has no attention that could cover anything; set it to 0"
        )
    return attention
