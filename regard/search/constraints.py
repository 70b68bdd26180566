"""Lexically constrained beam search: translations must contain given phrases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from regard.records.text import END, START, Hypothesis
from regard.search.beam import check_beam
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.phrase_matcher import PhraseMatcher
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, check_limits, mask_unwritable, start_tokens

Ids = tuple[int, ...]


@dataclass(frozen=True)
class LexicalConstraints:
    """The phrases that one sentence's translation must contain, as whole words.

    `phrases` recognises them in whatever tokens they are written; `tokens` are those that the search proposes for
    each: its usual ones. `gap` is the token to write between the last word and a phrase, None for a tokeniser whose
    words begin with their own space.
    """

    phrases: PhraseMatcher
    tokens: tuple[Ids, ...]
    gap: int | None = None

    @property
    def num_steps(self) -> int:
        """Number of tokens needed to meet all: each phrase's, one that separates it from what follows, and gaps."""
        steps = sum(len(tokens) + 1 for tokens in self.tokens)
        return steps if self.gap is None else 2 * steps + 1


@torch.inference_mode()
def constrained_search(
    stepper: Stepper,
    max_lengths: Sequence[int],
    constraints: Sequence[LexicalConstraints],
    beam_size: int = 5,
    ranking: Ranking = DEFAULT_RANKING,
    num_best: int = 1,
) -> list[list[Hypothesis]]:
    """Return the `num_best` hypotheses of each sentence, best first; those that meet all constraints come first.

    Dynamic beam allocation (Post & Vilar 2018): candidates are the best continuations overall and, for each
    hypothesis, the next token of every phrase that it still lacks. Hypotheses with equal progress towards the phrases
    form a bank. The best of each bank is kept, and `beam_size` more slots go to the best of all others, so that
    hypotheses that wait for a better position in the sentence are not crowded out. END is possible only where all
    constraints are met, and finished hypotheses leave the beam: a sentence is done when no other can score more than
    the worst that would be returned (`Ranking.upper_bound`). Whatever the model predicts, the foremost bank advances
    by one token at every step, so all phrases are written unless the limit is shorter than that, or a token has
    probability 0. Raises SearchError for a beam below 1 or below num_best.
    """
    check_limits(stepper, max_lengths)
    check_beam(beam_size, num_best)
    searches = [
        _SentenceSearch(row, one, limit, num_best, ranking)
        for row, (one, limit) in enumerate(zip(constraints, max_lengths, strict=True))
    ]
    width = beam_size + max((one.num_steps for one in constraints), default=0)
    active = list(searches)
    state = stepper.start()
    state = state.select(torch.arange(len(active)).repeat_interleave(width))
    device = start_tokens(0, state).device
    while active:
        tokens = [path.token for search in active for path in search.rows(width)]
        prediction = stepper.step(torch.tensor(tokens, device=device), state)
        gains = mask_unwritable(prediction.log_probabilities).reshape(len(active), width, -1).cpu().numpy()
        weights = None
        if prediction.attention is not None:
            weights = prediction.attention.weights[:, 0].reshape(len(active), width, -1).cpu().numpy()
        for row, search in enumerate(active):
            search.extend(gains[row], None if weights is None else weights[row], beam_size)
        kept = [row for row, search in enumerate(active) if not search.is_done()]
        rows = [row * width + path.slot for row in kept for path in active[row].rows(width)]
        state = prediction.state.select(torch.tensor(rows, dtype=torch.long, device=device))
        if len(kept) < len(active):
            stepper = stepper.select(torch.tensor(kept, dtype=torch.long, device=device))
            active = [active[row] for row in kept]
    return [search.results() for search in searches]


@dataclass(frozen=True)
class _Path:
    """A partial hypothesis: its last token, and a link to the rest. `slot` is the row that it continues.

    `matcher_state` is that of the phrase matcher, `met` are the phrases already written, `begun` the
    (phrase, number of tokens) that may be in the middle of being written.
    """

    token: int = START
    gain: float = 0.0
    total: float = 0.0
    weights: NDArray[np.float32] | None = None
    parent: _Path | None = None
    slot: int = 0
    matcher_state: int = PhraseMatcher.start
    met: frozenset[int] = frozenset()
    begun: frozenset[tuple[int, int]] = frozenset()


class _SentenceSearch:
    """The search for one sentence: partial hypotheses, and finished ones, which meet all constraints."""

    def __init__(
        self, row: int, constraints: LexicalConstraints, limit: int, num_best: int, ranking: Ranking
    ) -> None:
        self.row = row
        self.constraints = constraints
        self.limit = limit
        self.num_best = num_best
        self.ranking = ranking
        self.length = 0
        self.is_stuck = False
        self.paths = [_Path()]
        self.finished: list[Hypothesis] = []

    def rows(self, width: int) -> list[_Path]:
        """Return the partial hypotheses, padded to the width that all sentences share."""
        return [*self.paths, *[self.paths[0]] * (width - len(self.paths))]

    def extend(
        self,
        gains: NDArray[np.floating],
        weights: NDArray[np.floating] | None,
        beam_size: int,
    ) -> None:
        """Append one token, given the rows' log-probabilities (width, V) and attention weights (width, S)."""
        self.length += 1
        longer = []
        for slot, token in self._candidates(gains, beam_size):
            slot_weights = None if weights is None else weights[slot]
            longer.append(self._continue(slot, token, float(gains[slot, token]), slot_weights))
        self.finished += [self._hypothesis(path) for path in longer if path.token == END]
        self.finished.sort(key=lambda one: one.score, reverse=True)
        del self.finished[self.num_best :]
        kept = self._allocate([path for path in longer if path.token != END], beam_size)
        self.is_stuck = not kept
        self.paths = kept or self.paths

    def is_done(self) -> bool:
        """Whether the results can no longer change."""
        if self.is_stuck or self.length >= self.limit:
            return True
        if len(self.finished) < self.num_best:
            return False
        best = torch.tensor([max(path.total for path in self.paths)])
        return self.finished[-1].score >= self.ranking.upper_bound(best, torch.tensor([self.limit])).item()

    def results(self) -> list[Hypothesis]:
        """Return the finished hypotheses, then those that were cut off, by progress towards the constraints."""
        cut_off = sorted(self.paths, key=lambda path: (self._progress(path), path.total), reverse=True)
        missing = 0 if self.is_stuck and self.finished else self.num_best - len(self.finished)
        return self.finished + [self._hypothesis(path) for path in cut_off[:missing]]

    def _candidates(self, gains: NDArray[np.floating], beam_size: int) -> list[tuple[int, int]]:
        """Return (slot, token): the best of all, the best of each slot, and the next tokens of missing phrases."""
        gains = gains[: len(self.paths)].copy()
        for slot, path in enumerate(self.paths):
            if not self._may_end(path):
                gains[slot, END] = -np.inf
        totals = np.array([path.total for path in self.paths])[:, None] + gains
        number = min(2 * beam_size, totals.size)  # half of them may be END, which takes no slot
        best = np.argpartition(totals, -number, axis=None)[-number:]
        found = {(int(index) // gains.shape[1], int(index) % gains.shape[1]) for index in best}
        found |= {(slot, int(token)) for slot, token in enumerate(gains.argmax(axis=1))}
        for slot, path in enumerate(self.paths):
            found |= {(slot, token) for token in self._constraint_tokens(path, gains[slot])}
        return sorted(one for one in found if totals[one] > -np.inf)

    def _constraint_tokens(self, path: _Path, gains: NDArray[np.floating]) -> Iterator[int]:
        """Yield the tokens that advance a hypothesis: they continue, complete or begin a missing phrase."""
        constraints = self.constraints
        for phrase, done in path.begun:
            if done < len(constraints.tokens[phrase]):
                yield constraints.tokens[phrase][done]
            else:
                completing = constraints.phrases.completing_tokens(path.matcher_state).numpy()
                yield int(np.where(completing, gains, -np.inf).argmax())
        gap = constraints.gap if constraints.phrases.in_word(path.matcher_state) else None
        for phrase, tokens in enumerate(constraints.tokens):
            if phrase not in path.met:
                yield tokens[0] if gap is None else gap

    def _continue(self, slot: int, token: int, gain: float, weights: NDArray[np.floating] | None) -> _Path:
        path, constraints = self.paths[slot], self.constraints
        phrases = constraints.phrases
        met = path.met | phrases.completed_by(path.matcher_state, token)
        begun = {(phrase, done + 1) for phrase, done in path.begun if self._is_next(phrase, done, token)}
        if constraints.gap is None or not phrases.in_word(path.matcher_state):
            begun |= {(phrase, 1) for phrase, tokens in enumerate(constraints.tokens) if tokens[0] == token}
        begun = {(phrase, done) for phrase, done in begun if phrase not in met}
        state = phrases.next_state(path.matcher_state, token)
        return _Path(token, gain, path.total + gain, weights, path, slot, state, met, frozenset(begun))

    def _is_next(self, phrase: int, done: int, token: int) -> bool:
        return self.constraints.tokens[phrase][done : done + 1] == (token,)

    def _may_end(self, path: _Path) -> bool:
        met = path.met | self.constraints.phrases.completed_by(path.matcher_state, END)
        return len(met) == len(self.constraints.tokens)

    def _progress(self, path: _Path) -> tuple[int, bool]:
        """Return the steps done, in met phrases and the foremost begun one, and whether a gap is written."""
        met = sum(len(self.constraints.tokens[phrase]) + 1 for phrase in path.met)
        has_gap = self.constraints.gap is not None and not self.constraints.phrases.in_word(
            path.matcher_state
        )
        return met + max((done for _, done in path.begun), default=0), has_gap

    def _allocate(self, paths: list[_Path], beam_size: int) -> list[_Path]:
        """Keep the best of each bank, and fill the rest of the beam with the best of all others."""
        paths.sort(key=lambda path: path.total, reverse=True)
        banks: dict[tuple[int, bool], _Path] = {}
        for path in paths:
            banks.setdefault(self._progress(path), path)
        heads = {id(path) for path in banks.values()}
        others = [path for path in paths if id(path) not in heads]
        num_free = beam_size + self.constraints.num_steps - len(heads)
        return [*banks.values(), *others[:num_free]]

    def _hypothesis(self, path: _Path) -> Hypothesis:
        builder = HypothesisBuilder()
        while path.parent is not None:
            builder.append(path.token, path.gain, path.weights)
            path = path.parent
        return builder.flipped().build(self.ranking, self.row)
