"""Beam search: keep the few best beginnings at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regard.errors import SearchError
from regard.records.tensors import Candidates
from regard.records.text import PAD, Hypothesis
from regard.search.beam_state import Beam
from regard.search.diverse import Groups
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, best_next, check_limits, start_tokens

ONE_GROUP = Groups()
Observe = Callable[[Tensor, Beam, Beam, Tensor], None]  # what `beam_search` tells of each step


@torch.inference_mode()
def beam_search(
    stepper: Stepper,
    max_lengths: Sequence[int],
    beam: int = 5,
    ranking: Ranking = DEFAULT_RANKING,
    num_best: int = 1,
    groups: Groups = ONE_GROUP,
    observe: Observe | None = None,
) -> list[list[Hypothesis]]:
    """For each sentence its `num_best` hypotheses, best first, each at most `max_lengths` (1 or more) tokens long.

    At each step the best continuations of what is still being written share, by log-probability, the slots that no
    finished hypothesis has taken; a finished one keeps its slot. So a beam of 1 is greedy search. A sentence is
    left as soon as nothing unfinished can overtake what would be returned: `ranking.upper_bound` bounds whatever
    may come. Hypotheses that reached end-of-sentence rank before those that were cut off. At every step `observe`
    is given the log-probabilities (R, V), the slots before and after, and those that were continued (n, beam).
    Raises SearchError for a beam below 1 or below num_best, or one that cannot be cut into the groups.
    """
    check_limits(stepper, max_lengths)
    check_beam(beam, num_best)
    groups.check(beam)
    found: list[list[Hypothesis]] = [[] for _ in max_lengths]
    going = list(range(stepper.num_sentences))
    history: list[_Step] = []
    state = stepper.start()
    state = state.select(torch.arange(len(going)).repeat_interleave(beam))
    all_asked = observe is not None or groups.number > 1  # for the log-probability of every token
    start = start_tokens(len(going) * beam, state).reshape(len(going), beam)
    slots = Beam.empty(start, ranking.nothing_received(beam, start.device), groups.number)
    while going:
        tokens = slots.tokens.flatten()
        offered = stepper.step(tokens, state) if all_asked else best_next(stepper, tokens, state, beam)
        looks = None if offered.attention is None else offered.attention.weights[:, 0]
        before = slots if looks is None else slots.attend(looks)
        if isinstance(offered, Candidates):
            slots, parents = before.extend(offered.gains, offered.tokens)
        else:
            slots, parents = groups.extend(before, offered.log_probabilities)
            if observe is not None:
                observe(offered.log_probabilities, before, slots, parents)
        first = torch.arange(len(going), device=parents.device).unsqueeze(1) * beam
        state = offered.state.select((first + parents).flatten())
        history.append(_Step.of(going, slots, parents, looks))
        limits = torch.tensor([max_lengths[sentence] for sentence in going], device=parents.device)
        done = groups.decided(slots, len(history), limits, ranking, num_best)
        if done.any():
            places = groups.offer(slots, ranking, num_best).tolist()
            for row in done.nonzero().flatten().tolist():
                read = _read_back(history, going[row], places[row], ranking)
                found[going[row]] = groups.answer(read, num_best)
            kept = (~done).nonzero().flatten()
            rows = (kept.unsqueeze(1) * beam + torch.arange(beam, device=kept.device)).flatten()
            stepper, state, slots = stepper.select(kept), state.select(rows), slots.select(kept)
            going = [going[row] for row in kept.tolist()]
    return found


def check_beam(beam: int, num_best: int) -> None:
    """Raise SearchError unless the beam holds as many as are wanted."""
    if beam < 1 or not 1 <= num_best <= beam:
        raise SearchError(f"search: beam {beam} cannot give {num_best} best; expected 1 <= num_best <= beam")


@dataclass(frozen=True)
class _Step:
    """What must be kept of one step to read hypotheses back from their end; (n, beam) each, looks (n, beam, S)."""

    place: dict[int, int]
    tokens: np.ndarray
    parents: np.ndarray
    totals: np.ndarray
    looks: np.ndarray | None

    @staticmethod
    def of(going: Sequence[int], slots: Beam, parents: Tensor, looks: Tensor | None) -> _Step:
        """Copied off the device. `looks` (R, S) belong to the slots before the step, that is to the parents."""
        kept = None if looks is None else looks.reshape(*parents.shape, -1).cpu().numpy()
        return _Step(
            place={sentence: row for row, sentence in enumerate(going)},
            tokens=slots.tokens.cpu().numpy(),
            parents=parents.cpu().numpy(),
            totals=slots.totals.cpu().numpy(),
            looks=kept,
        )


def _read_back(
    history: Sequence[_Step], sentence: int, slots: Sequence[int], ranking: Ranking
) -> list[Hypothesis | None]:
    """What some slots of a sentence hold; None in an empty slot."""
    totals = history[-1].totals[history[-1].place[sentence]]
    return [
        _hypothesis(history, sentence, slot, ranking) if totals[slot] > -np.inf else None for slot in slots
    ]


def _hypothesis(history: Sequence[_Step], sentence: int, slot: int, ranking: Ranking) -> Hypothesis:
    """Written backwards from the last step, then turned round."""
    writer = HypothesisBuilder()
    for step, before in zip(reversed(history), [*reversed(history[:-1]), None], strict=True):
        row = step.place[sentence]
        parent = int(step.parents[row, slot])
        if step.tokens[row, slot] != PAD:
            so_far = 0.0 if before is None else before.totals[before.place[sentence], parent]
            look = None if step.looks is None else step.looks[row, parent]
            writer.add(int(step.tokens[row, slot]), float(step.totals[row, slot] - so_far), look)
        slot = parent
    return writer.turned_round().hypothesis(ranking, sentence)
