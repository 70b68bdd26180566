"""Interventions, checked for one sentence and turned into what they override at each step."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data.tokeniser import Tokeniser
from regard.errors import SearchError
from regard.records.text import PAD, START, Attend, Force, Intervention, Weights

_MAX_SUGGESTED_LENGTH = 50  # characters; no similar tokens are looked up for longer ones


@dataclass(frozen=True)
class StepOverrides:
    """What is overridden at which step of one sentence: attention weights (S,), and tokens.

    `kinds` names the interventions of each step, such as attend or attend+force.
    """

    weights: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    tokens: Mapping[int, int] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)

    @staticmethod
    def of(interventions: Iterable[Intervention], source_size: int, target: Tokeniser) -> StepOverrides:
        """Check interventions for a source of `source_size` tokens, end-of-sentence counted.

        Raises SearchError for a position or token that does not exist, weights that cannot be normalised, and two
        interventions that override the same thing.
        """
        weights: dict[int, tuple[float, ...]] = {}
        tokens: dict[int, int] = {}
        kinds: dict[int, str] = {}
        for one in interventions:
            if one.step < 0:
                raise _error(one, "steps are counted from 0")
            if one.step in (tokens if isinstance(one, Force) else weights):
                what = "force a token" if isinstance(one, Force) else "change the weights"
                raise _error(one, f"two interventions {what} there; keep one")
            if isinstance(one, Force):
                tokens[one.step] = _token(one, target)
            else:
                weights[one.step] = _weights(one, source_size)
        for step in sorted({*weights, *tokens}):
            kinds[step] = "+".join(sorted(_kind(one) for one in interventions if one.step == step))
        return StepOverrides(weights, tokens, kinds)

    @property
    def first_step(self) -> int:
        """The first step at which anything is overridden; 0 if nothing is."""
        return min(self.kinds, default=0)

    def weights_at(self, step: int, source_size: int, device: torch.device | str) -> Float[Tensor, " S"]:
        """Return the attention weights of a step, NaN where they are left to the model."""
        return torch.tensor(self.weights.get(step, (math.nan,) * source_size), device=device)

    def check_reached(self, length: int) -> None:
        """Raise SearchError unless a translation of this many tokens has all the steps."""
        if beyond := [step for step in self.kinds if step >= length]:
            raise SearchError(
                f"intervene at step {min(beyond)}: the translation has {length} tokens, the last of them at step "
                f"{length - 1}; leave it out, or intervene earlier"
            )


def _kind(one: Intervention) -> str:
    return type(one).__name__.lower()


def _weights(one: Attend | Weights, size: int) -> tuple[float, ...]:
    """Return the weights of an intervention, scaled to sum to 1."""
    if isinstance(one, Attend):
        positions = {one.to} if isinstance(one.to, int) else set(one.to)
        wrong = [position for position in positions if not 0 <= position < size]
        if wrong or not positions:
            got = wrong[0] if wrong else "none"
            raise _error(one, f"expected source tokens from 0 to {size - 1}, got {got}")
        return tuple(1 / len(positions) if position in positions else 0.0 for position in range(size))
    if len(one.row) != size:
        raise _error(one, f"expected {size} weights, one for each source token with </s>, got {len(one.row)}")
    if not all(0 <= weight < math.inf for weight in one.row) or not any(one.row):
        raise _error(one, f"expected finite weights of at least 0, not all of them 0, got {list(one.row)}")
    largest = max(one.row)  # dividing by it first keeps the sum from overflowing
    total = math.fsum(weight / largest for weight in one.row)
    return tuple(weight / largest / total for weight in one.row)


def _token(one: Force, target: Tokeniser) -> int:
    """Return the id of a forced token; raise SearchError, naming similar tokens, if there is none."""
    found = target.id_of(one.token)
    if found in (PAD, START):
        raise _error(one, f"{one.token} can never be written; name another token")
    if found is None:
        similar = [token for token in _similar(one.token, target) if target.id_of(token) is not None]
        hint = f"; did you mean one of {', '.join(similar)}?" if similar else ""
        raise _error(one, f"{one.token!r} is no token of the target vocabulary{hint}")
    return found


def _similar(token: str, target: Tokeniser) -> list[str]:
    if len(token) > _MAX_SUGGESTED_LENGTH:
        return []
    known = [f"▁{token}", *target.tokens(range(len(target)))]
    return list(dict.fromkeys(difflib.get_close_matches(token, known, 4, 0.5)))


def _error(one: Intervention, message: str) -> SearchError:
    return SearchError(f"intervene at step {one.step} ({_kind(one)}): {message}")
