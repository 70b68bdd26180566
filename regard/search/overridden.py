"""Translations in which somebody intervenes: other weights at some steps, other tokens at others."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.tokeniser import Tokeniser
from regard.errors import SearchError
from regard.records.tensors import DecoderState, Prediction
from regard.records.text import PAD, START, Attend, Force, Intervention, Weights
from regard.search.stepper import Stepper, only_wanted

_PLACE = "intervention.place"
_LONGEST_LOOKED_UP = 50  # characters; nothing like longer ones is looked for


@dataclass(frozen=True)
class Changes:
    """What is changed at which step of one sentence: rows of weights (S,), and tokens to be written."""

    rows: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    tokens: Mapping[int, int] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)

    @staticmethod
    def of(interventions: Iterable[Intervention], source_size: int, target: Tokeniser) -> Changes:
        """Checked for a source of so many tokens, end-of-sentence counted.

        Raises SearchError for a place or token that there is not, a row that is no row of weights, and for two
        interventions that would change the same thing.
        """
        rows: dict[int, tuple[float, ...]] = {}
        tokens: dict[int, int] = {}
        kinds: dict[int, str] = {}
        for one in interventions:
            if one.step < 0:
                raise _refusal(one, "steps are counted from 0")
            if one.step in (tokens if isinstance(one, Force) else rows):
                what = "force a token" if isinstance(one, Force) else "change the weights"
                raise _refusal(one, f"two interventions {what} there; keep one")
            if isinstance(one, Force):
                tokens[one.step] = _token(one, target)
            else:
                rows[one.step] = _row(one, source_size)
        for step in sorted({*rows, *tokens}):
            kinds[step] = "+".join(sorted(_kind(one) for one in interventions if one.step == step))
        return Changes(rows, tokens, kinds)

    @property
    def first(self) -> int:
        """The first step at which anything is changed; 0 if nothing is."""
        return min(self.kinds, default=0)

    def row(self, step: int, source_size: int, device: torch.device | str) -> Float[Tensor, " S"]:
        """The weights of a step, NaN where they are left to the model."""
        return torch.tensor(self.rows.get(step, (math.nan,) * source_size), device=device)

    def check_reached(self, length: int) -> None:
        """Raise SearchError unless a translation of so many tokens has all the steps."""
        if beyond := [step for step in self.kinds if step >= length]:
            raise SearchError(
                f"intervene at step {min(beyond)}: the translation has {length} tokens, the last of them at step "
                f"{length - 1}; leave it out, or intervene earlier"
            )


@dataclass(frozen=True)
class Overridden:
    """A stepper whose attention is overridden and whose choice is taken away at some steps, for all rows alike.

    `rows` (T, S) are the weights of each step and `tokens` (T,) what must be written, NaN and PAD where the model is
    left alone. Overridden weights enter through the state, as
    `attention.override`, so that context and recurrence follow from them; forced tokens keep the log-probability that
    the model gives them.
    """

    stepper: Stepper
    rows: Float[Tensor, "T S"]
    tokens: Int[Tensor, " T"]

    @staticmethod
    def of(
        stepper: Stepper,
        changes: Changes,
        written: Sequence[int],
        source_size: int,
        limit: int,
        device: torch.device | str,
    ) -> Overridden:
        """With the tokens `written` up to the first change, and those changes, for translations up to a limit."""
        tokens = dict(enumerate(written[: changes.first])) | dict(changes.tokens)
        return Overridden(
            stepper,
            torch.stack([changes.row(step, source_size, device) for step in range(limit)]),
            torch.tensor([tokens.get(step, PAD) for step in range(limit)], device=device),
        )

    @property
    def num_sentences(self) -> int:
        """B."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """With the number of the step."""
        place = torch.zeros(self.num_sentences, dtype=torch.long, device=self.tokens.device)
        return DecoderState({**self.stepper.start().tensors, _PLACE: place})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One token further, looking and writing as told."""
        place = state[_PLACE]
        prediction = self.stepper.step(tokens, overridden(state, self.rows[place]))
        return replace(
            prediction,
            log_probabilities=only_wanted(prediction.log_probabilities, self.tokens[place]),
            state=DecoderState({**prediction.state.tensors, _PLACE: place + 1}),
        )

    def select(self, sentences: Tensor) -> Overridden:
        """The same for some of the sentences."""
        return replace(self, stepper=self.stepper.select(sentences))


def overridden(state: DecoderState, rows: Float[Tensor, "R S"]) -> DecoderState:
    """A state whose next step looks by these rows, except where they are NaN."""
    return DecoderState({**state.tensors, "attention.override": rows})


def _kind(one: Intervention) -> str:
    return type(one).__name__.lower()


def _row(one: Attend | Weights, size: int) -> tuple[float, ...]:
    if isinstance(one, Attend):
        places = {one.to} if isinstance(one.to, int) else set(one.to)
        wrong = [place for place in places if not 0 <= place < size]
        if wrong or not places:
            got = wrong[0] if wrong else "none"
            raise _refusal(one, f"expected source tokens from 0 to {size - 1}, got {got}")
        return tuple(1 / len(places) if place in places else 0.0 for place in range(size))
    if len(one.row) != size:
        raise _refusal(
            one, f"expected {size} weights, one for each source token with </s>, got {len(one.row)}"
        )
    if not all(0 <= weight < math.inf for weight in one.row) or not any(one.row):
        raise _refusal(one, f"expected weights from 0 on, not all of them 0, got {list(one.row)}")
    largest = max(one.row)  # first divided by it, for the sum might be more than a float holds
    total = math.fsum(weight / largest for weight in one.row)
    return tuple(weight / largest / total for weight in one.row)


def _token(one: Force, target: Tokeniser) -> int:
    found = target.id_of(one.token)
    if found in (PAD, START):
        raise _refusal(one, f"nobody may write {one.token}; name another token")
    if found is None:
        like = (
            []
            if len(one.token) > _LONGEST_LOOKED_UP
            else difflib.get_close_matches(
                one.token, [f"▁{one.token}", *target.tokens(range(len(target)))], 4, 0.5
            )
        )
        known = [token for token in dict.fromkeys(like) if target.id_of(token) is not None]
        hint = f"; is it one of {', '.join(known)}?" if known else ""
        raise _refusal(one, f"{one.token!r} is no token of the target vocabulary{hint}")
    return found


def _refusal(one: Intervention, why: str) -> SearchError:
    return SearchError(f"intervene at step {one.step} ({_kind(one)}): {why}")
