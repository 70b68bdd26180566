"""Translations in which somebody intervenes: other weights at some steps, other pieces at others."""

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
from regard.records import PAD, START, Attend, DecoderState, Force, Intervention, Prediction, Weights
from regard.search.stepper import Stepper, only_wanted

_PLACE = "intervention.place"
_LONGEST_LOOKED_UP = 50  # characters; nothing like longer ones is looked for


@dataclass(frozen=True)
class Changes:
    """What is changed at which step of one sentence: rows of weights (S,), and pieces to be written."""

    rows: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    pieces: Mapping[int, int] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)

    @staticmethod
    def of(interventions: Iterable[Intervention], source_size: int, target: Tokeniser) -> Changes:
        """Checked for a source of so many pieces, end-of-sentence counted.

        Raises SearchError for a place or piece that there is not, a row that is no row of weights, and for two
        interventions that would change the same thing.
        """
        rows: dict[int, tuple[float, ...]] = {}
        pieces: dict[int, int] = {}
        kinds: dict[int, str] = {}
        for one in interventions:
            if one.step < 0:
                raise _refusal(one, "steps are counted from 0")
            if one.step in (pieces if isinstance(one, Force) else rows):
                what = "force a piece" if isinstance(one, Force) else "change the weights"
                raise _refusal(one, f"two interventions {what} there; keep one")
            if isinstance(one, Force):
                pieces[one.step] = _piece(one, target)
            else:
                rows[one.step] = _row(one, source_size)
        for step in sorted({*rows, *pieces}):
            kinds[step] = "+".join(sorted(_kind(one) for one in interventions if one.step == step))
        return Changes(rows, pieces, kinds)

    @property
    def first(self) -> int:
        """The first step at which anything is changed; 0 if nothing is."""
        return min(self.kinds, default=0)

    def row(self, step: int, source_size: int, device: torch.device | str) -> Float[Tensor, " S"]:
        """The weights of a step, NaN where they are left to the model."""
        return torch.tensor(self.rows.get(step, (math.nan,) * source_size), device=device)

    def check_reached(self, length: int) -> None:
        """Raise SearchError unless a translation of so many pieces has all the steps."""
        if beyond := [step for step in self.kinds if step >= length]:
            raise SearchError(
                f"intervene at step {min(beyond)}: the translation has {length} pieces, the last of them at step "
                f"{length - 1}; leave it out, or intervene earlier"
            )


@dataclass(frozen=True)
class Intervened:
    """A stepper whose attention is overridden and whose choice is taken away at some steps, for all rows alike.

    `rows` (T, S) are the weights of each step and `pieces` (T,) what must be written, NaN and PAD where the model is
    left alone. Overridden weights enter through the state, as
    `attention.override`, so that context and recurrence follow from them; forced pieces keep the log-probability that
    the model gives them.
    """

    stepper: Stepper
    rows: Float[Tensor, "T S"]
    pieces: Int[Tensor, " T"]

    @staticmethod
    def of(
        stepper: Stepper,
        changes: Changes,
        written: Sequence[int],
        source_size: int,
        limit: int,
        device: torch.device | str,
    ) -> Intervened:
        """With the pieces `written` up to the first change, and those changes, for translations up to a limit."""
        pieces = dict(enumerate(written[: changes.first])) | dict(changes.pieces)
        return Intervened(
            stepper,
            torch.stack([changes.row(step, source_size, device) for step in range(limit)]),
            torch.tensor([pieces.get(step, PAD) for step in range(limit)], device=device),
        )

    @property
    def num_sentences(self) -> int:
        """B."""
        return self.stepper.num_sentences

    def start(self) -> DecoderState:
        """With the number of the step."""
        place = torch.zeros(self.num_sentences, dtype=torch.long, device=self.pieces.device)
        return DecoderState({**self.stepper.start().tensors, _PLACE: place})

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """One piece further, looking and writing as told."""
        place = state[_PLACE]
        prediction = self.stepper.step(tokens, overridden(state, self.rows[place]))
        return replace(
            prediction,
            log_probabilities=only_wanted(prediction.log_probabilities, self.pieces[place]),
            state=DecoderState({**prediction.state.tensors, _PLACE: place + 1}),
        )

    def select(self, sentences: Tensor) -> Intervened:
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
            raise _refusal(one, f"expected source pieces from 0 to {size - 1}, got {got}")
        return tuple(1 / len(places) if place in places else 0.0 for place in range(size))
    if len(one.row) != size:
        raise _refusal(
            one, f"expected {size} weights, one for each source piece with </s>, got {len(one.row)}"
        )
    if not all(0 <= weight < math.inf for weight in one.row) or not any(one.row):
        raise _refusal(one, f"expected weights from 0 on, not all of them 0, got {list(one.row)}")
    largest = max(one.row)  # first divided by it, for the sum might be more than a float holds
    total = math.fsum(weight / largest for weight in one.row)
    return tuple(weight / largest / total for weight in one.row)


def _piece(one: Force, target: Tokeniser) -> int:
    found = target.id_of(one.piece)
    if found in (PAD, START):
        raise _refusal(one, f"nobody may write {one.piece}; name another piece")
    if found is None:
        like = (
            []
            if len(one.piece) > _LONGEST_LOOKED_UP
            else difflib.get_close_matches(
                one.piece, [f"▁{one.piece}", *target.pieces(range(len(target)))], 4, 0.5
            )
        )
        known = [piece for piece in dict.fromkeys(like) if target.id_of(piece) is not None]
        hint = f"; is it one of {', '.join(known)}?" if known else ""
        raise _refusal(one, f"{one.piece!r} is no piece of the target vocabulary{hint}")
    return found


def _refusal(one: Intervention, why: str) -> SearchError:
    return SearchError(f"intervene at step {one.step} ({_kind(one)}): {why}")
