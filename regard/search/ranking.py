"""The score by which a search ranks hypotheses: log-probability, length and coverage of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from torch import Tensor

from regard.errors import SearchError

LENGTH_FORMS = ("power", "gnmt")
MIN_COVERAGE = 1e-4  # lower coverage counts as this: sparse weights may leave a source position at exactly 0


@dataclass(frozen=True)
class Ranking:
    """The score of a hypothesis: log-probability / length penalty + coverage penalty.

    The length penalty of |Y| tokens, with a for `length_penalty`, is |Y| ** a under `power` (Cho et al. 2014b, On
    the properties …, section 4, where a is 1) and ((5 + |Y|) / 6) ** a under `gnmt`. The coverage penalty is
    `coverage_penalty` times the sum over source positions of log min(c, 1), c being the coverage of a position, the
    sum of its attention weights over all steps (both: Wu et al. 2016, section 7, eq. 14). `source_lengths` are the
    number of tokens of each source, end-of-sentence counted; only the coverage penalty needs them. Raises
    SearchError for a negative penalty and for an unknown form.
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
        """Score one hypothesis with attention (T, S); an empty one scores its log-probability `total`."""
        score = total / self._length_divisor(length) if length else total
        if not self.coverage_penalty:
            return score
        coverage = _checked(attention)[:, : self.source_lengths[sentence]].sum(axis=0)
        return score + self.coverage_penalty * float(np.log(coverage.clip(MIN_COVERAGE, 1)).sum())

    def scores(self, totals: Tensor, lengths: Tensor, coverage: Tensor | None) -> Tensor:
        """Score many hypotheses at once; the last dimension of `coverage` is the source positions."""
        scores: Tensor = totals / self._length_divisor(lengths)
        if coverage is None:
            return scores
        return scores + self.coverage_penalty * coverage.clamp(MIN_COVERAGE, 1).log().sum(dim=-1)

    def upper_bound(self, totals: Tensor, limits: Tensor) -> Tensor:
        """Return a score that no continuation exceeds: log-probabilities only fall, coverage terms are at most 0."""
        upper_bound: Tensor = totals / self._length_divisor(limits)
        return upper_bound

    def initial_coverage(self, beam_size: int, device: torch.device) -> Tensor | None:
        """Return coverage (B, beam, S) before the first step: 1 at padding, which costs nothing, else 0.

        None if there is no coverage penalty.
        """
        if not self.coverage_penalty:
            return None
        lengths = torch.tensor(self.source_lengths, device=device)
        positions = torch.arange(max(self.source_lengths, default=0), device=device)
        return (positions >= lengths.unsqueeze(1)).float().unsqueeze(1).repeat(1, beam_size, 1)

    @overload
    def _length_divisor(self, length: int) -> float: ...
    @overload
    def _length_divisor(self, length: Tensor) -> Tensor: ...
    def _length_divisor(self, length: int | Tensor) -> float | Tensor:
        if self.length_form == "gnmt":
            return ((5 + length) / 6) ** self.length_penalty
        return length**self.length_penalty


DEFAULT_RANKING = Ranking()


def _checked(attention: np.ndarray | None) -> np.ndarray:
    """Return the attention of a hypothesis; raise SearchError for a model without attention."""
    if attention is None:
        raise SearchError(
            "search.coverage_penalty: this model has no attention to measure coverage by; set it to 0"
        )
    return attention
