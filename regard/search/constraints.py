"""Beam search whose translations must contain given phrases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from regard.records.text import END, START, Hypothesis
from regard.search.beam import check_beam
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.phrases import Phrases
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, check_limits, start_tokens, writable

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """The phrases that one sentence's translation must contain, whole.

    `phrases` sees that they are written, in whatever tokens; `tokens` are those by which each can be: its usual
    ones, and, for a tokeniser whose words do not begin by themselves, the same after a `gap`.
    """

    phrases: Phrases
    tokens: tuple[Ids, ...]
    gap: int | None = None

    @property
    def num_steps(self) -> int:
        """How far it is from none to all: each token, what parts a phrase from its right, gaps if there are any."""
        steps = sum(len(tokens) + 1 for tokens in self.tokens)
        return steps if self.gap is None else 2 * steps + 1


@torch.inference_mode()
def constrained_search(
    stepper: Stepper,
    max_lengths: Sequence[int],
    wanted: Sequence[Wanted],
    beam: int = 5,
    ranking: Ranking = DEFAULT_RANKING,
    num_best: int = 1,
) -> list[list[Hypothesis]]:
    """For each sentence its `num_best` hypotheses, best first; those that contain all that is wanted come first.

    Dynamic beam allocation (Post & Vilar 2018): beside the best continuations of all, each hypothesis is continued
    by the next token of every phrase it still lacks, and those that have come equally far towards the phrases form
    a bank. Here the best of each bank stays, and `beam` more slots go to the best of all, so that waiting for a
    better place in the sentence is not crowded out. END is possible only where nothing is lacking, and ended
    hypotheses leave the beam: a sentence is left when none that goes on can score more than the worst that would be
    returned (`ranking.upper_bound`). Whatever the model thinks, the foremost bank comes one step further at every
    step; so all is written unless the limit is shorter than that, or a token has probability 0. Raises SearchError
    for a beam below 1 or below num_best.
    """
    check_limits(stepper, max_lengths)
    check_beam(beam, num_best)
    sentences = [
        _Sentence(row, one, limit, num_best, ranking)
        for row, (one, limit) in enumerate(zip(wanted, max_lengths, strict=True))
    ]
    width = beam + max((one.num_steps for one in wanted), default=0)
    going = list(sentences)
    state = stepper.start()
    state = state.select(torch.arange(len(going)).repeat_interleave(width))
    device = start_tokens(0, state).device
    while going:
        tokens = [path.token for sentence in going for path in sentence.rows(width)]
        prediction = stepper.step(torch.tensor(tokens, device=device), state)
        steps = writable(prediction.log_probabilities).reshape(len(going), width, -1).cpu().numpy()
        looks = None
        if prediction.attention is not None:
            looks = prediction.attention.weights[:, 0].reshape(len(going), width, -1).cpu().numpy()
        for row, sentence in enumerate(going):
            sentence.extend(steps[row], None if looks is None else looks[row], beam)
        kept = [row for row, sentence in enumerate(going) if not sentence.decided()]
        rows = [row * width + path.slot for row in kept for path in going[row].rows(width)]
        state = prediction.state.select(torch.tensor(rows, dtype=torch.long, device=device))
        if len(kept) < len(going):
            stepper = stepper.select(torch.tensor(kept, dtype=torch.long, device=device))
            going = [going[row] for row in kept]
    return [sentence.answer() for sentence in sentences]


@dataclass(frozen=True)
class _Path:
    """One hypothesis, as the last token of a longer one; `slot` is the row that wrote it.

    `place` is that among the phrases, `met` those that are written, `begun` the (phrase, tokens) that may be being
    written.
    """

    token: int = START
    gain: float = 0.0
    total: float = 0.0
    look: NDArray[np.float32] | None = None
    parent: _Path | None = None
    slot: int = 0
    place: int = Phrases.start
    met: frozenset[int] = frozenset()
    begun: frozenset[tuple[int, int]] = frozenset()


class _Sentence:
    """The search for one sentence: what is being written, and what has ended with nothing lacking."""

    def __init__(self, row: int, wanted: Wanted, limit: int, num_best: int, ranking: Ranking) -> None:
        self.row = row
        self.wanted = wanted
        self.limit = limit
        self.num_best = num_best
        self.ranking = ranking
        self.length = 0
        self.stuck = False
        self.going = [_Path()]
        self.ended: list[Hypothesis] = []

    def rows(self, width: int) -> list[_Path]:
        """What is being written, filled up to the width that all sentences share."""
        return [*self.going, *[self.going[0]] * (width - len(self.going))]

    def extend(
        self,
        steps: NDArray[np.floating],
        looks: NDArray[np.floating] | None,
        beam: int,
    ) -> None:
        """One token further, from log-probabilities (width, V) and weights (width, S) of the rows."""
        self.length += 1
        longer = []
        for slot, token in self._candidates(steps, beam):
            look = None if looks is None else looks[slot]
            longer.append(self._continue(self.going[slot], slot, token, float(steps[slot, token]), look))
        self.ended += [self._hypothesis(path) for path in longer if path.token == END]
        self.ended.sort(key=lambda one: one.score, reverse=True)
        del self.ended[self.num_best :]
        chosen = self._chosen([path for path in longer if path.token != END], beam)
        self.stuck = not chosen
        self.going = chosen or self.going

    def decided(self) -> bool:
        """Whether the answer cannot change any more."""
        if self.stuck or self.length >= self.limit:
            return True
        if len(self.ended) < self.num_best:
            return False
        best = torch.tensor([max(path.total for path in self.going)])
        return self.ended[-1].score >= self.ranking.upper_bound(best, torch.tensor([self.limit])).item()

    def answer(self) -> list[Hypothesis]:
        """What ended, then what was cut off, the furthest first."""
        cut = sorted(self.going, key=lambda path: (self._progress(path), path.total), reverse=True)
        missing = 0 if self.stuck and self.ended else self.num_best - len(self.ended)
        return self.ended + [self._hypothesis(path) for path in cut[:missing]]

    def _candidates(self, steps: NDArray[np.floating], beam: int) -> list[tuple[int, int]]:
        """(slot, token): the best of all, the best of each slot, and the next tokens of what is lacking."""
        steps = steps[: len(self.going)].copy()
        for slot, path in enumerate(self.going):
            if not self._may_end(path):
                steps[slot, END] = -np.inf
        totals = np.array([path.total for path in self.going])[:, None] + steps
        number = min(2 * beam, totals.size)  # as many of them may end as are kept
        best = np.argpartition(totals, -number, axis=None)[-number:]
        found = {(int(place) // steps.shape[1], int(place) % steps.shape[1]) for place in best}
        found |= {(slot, int(token)) for slot, token in enumerate(steps.argmax(axis=1))}
        for slot, path in enumerate(self.going):
            found |= {(slot, token) for token in self._next_tokens(path, steps[slot])}
        return sorted(one for one in found if totals[one] > -np.inf)

    def _next_tokens(self, path: _Path, step: NDArray[np.floating]) -> Iterator[int]:
        """What brings a hypothesis one step further: goes on with a phrase, ends one, or begins one."""
        for phrase, done in path.begun:
            if done < len(self.wanted.tokens[phrase]):
                yield self.wanted.tokens[phrase][done]
            else:
                parting = self.wanted.phrases.completing(path.place).numpy()
                yield int(np.where(parting, step, -np.inf).argmax())
        gap = self.wanted.gap if self.wanted.phrases.joined(path.place) else None
        for phrase, tokens in enumerate(self.wanted.tokens):
            if phrase not in path.met:
                yield tokens[0] if gap is None else gap

    def _continue(
        self, path: _Path, slot: int, token: int, gain: float, look: NDArray[np.floating] | None
    ) -> _Path:
        phrases = self.wanted.phrases
        met = path.met | phrases.completed(path.place, token)
        begun = {(phrase, done + 1) for phrase, done in path.begun if self._goes_on(phrase, done, token)}
        if self.wanted.gap is None or not phrases.joined(path.place):
            begun |= {(phrase, 1) for phrase, tokens in enumerate(self.wanted.tokens) if tokens[0] == token}
        begun = {(phrase, done) for phrase, done in begun if phrase not in met}
        place = phrases.after(path.place, token)
        return _Path(token, gain, path.total + gain, look, path, slot, place, met, frozenset(begun))

    def _goes_on(self, phrase: int, done: int, token: int) -> bool:
        return self.wanted.tokens[phrase][done : done + 1] == (token,)

    def _may_end(self, path: _Path) -> bool:
        met = path.met | self.wanted.phrases.completed(path.place, END)
        return len(met) == len(self.wanted.tokens)

    def _progress(self, path: _Path) -> tuple[int, bool]:
        """Steps done, those of what is met and of the phrase that has come furthest; whether a gap has been made."""
        met = sum(len(self.wanted.tokens[phrase]) + 1 for phrase in path.met)
        parted = self.wanted.gap is not None and not self.wanted.phrases.joined(path.place)
        return met + max((done for _, done in path.begun), default=0), parted

    def _chosen(self, paths: list[_Path], beam: int) -> list[_Path]:
        """The best of each bank, and as many more as the beam has."""
        paths.sort(key=lambda path: path.total, reverse=True)
        banks: dict[tuple[int, bool], _Path] = {}
        for path in paths:
            banks.setdefault(self._progress(path), path)
        heads = {id(path) for path in banks.values()}
        others = [path for path in paths if id(path) not in heads]
        room = beam + self.wanted.num_steps - len(heads)
        return [*banks.values(), *others[:room]]

    def _hypothesis(self, path: _Path) -> Hypothesis:
        writer = HypothesisBuilder()
        while path.parent is not None:
            writer.add(path.token, path.gain, path.look)
            path = path.parent
        return writer.turned_round().hypothesis(self.ranking, self.row)
