"""Beam search: keep the few best partial hypotheses at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regard.errors import SearchError
from regard.records.tensors import Candidates
from regard.records.text import PAD, Hypothesis
from regard.search.beam_groups import BeamGroups
from regard.search.beam_state import Beam
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, best_next, check_limits, start_tokens

ONE_GROUP = BeamGroups()
BeamObserver = Callable[[Tensor, Beam, Beam, Tensor], None]
"""Called at every step: log-probabilities (R, V), the beam before and after, and the parent slots (n, beam)."""


@torch.inference_mode()
def beam_search(
    stepper: Stepper,
    max_lengths: Sequence[int],
    beam_size: int = 5,
    ranking: Ranking = DEFAULT_RANKING,
    num_best: int = 1,
    groups: BeamGroups = ONE_GROUP,
    observer: BeamObserver | None = None,
) -> list[list[Hypothesis]]:
    """Return the `num_best` hypotheses of each sentence, best first, each at most `max_lengths` (1 or more) long.

    A finished hypothesis keeps its slot of the beam; at each step the continuations with the highest log-probability
    take the others. A beam of 1 is therefore greedy search. A sentence leaves the batch as soon as no unfinished
    hypothesis can overtake those that would be returned (`Ranking.upper_bound`). Hypotheses that reached
    end-of-sentence rank before those that were cut off. Raises SearchError for a beam below 1 or below num_best, or
    one that cannot be cut into the groups.
    """
    check_limits(stepper, max_lengths)
    check_beam(beam_size, num_best)
    groups.check(beam_size)
    found: list[list[Hypothesis]] = [[] for _ in max_lengths]
    active = list(range(stepper.num_sentences))
    history: list[_Step] = []
    state = stepper.start()
    state = state.select(torch.arange(len(active)).repeat_interleave(beam_size))
    needs_all = observer is not None or groups.num_groups > 1  # the log-probability of every token
    start = start_tokens(len(active) * beam_size, state).reshape(len(active), beam_size)
    beam = Beam.empty(start, ranking.initial_coverage(beam_size, start.device), groups.num_groups)
    while active:
        tokens = beam.tokens.flatten()
        step = stepper.step(tokens, state) if needs_all else best_next(stepper, tokens, state, beam_size)
        weights = None if step.attention is None else step.attention.weights[:, 0]
        before = beam if weights is None else beam.add_coverage(weights)
        if isinstance(step, Candidates):
            beam, parents = before.extend(step.log_probabilities, step.tokens)
        else:
            beam, parents = groups.extend(before, step.log_probabilities)
            if observer is not None:
                observer(step.log_probabilities, before, beam, parents)
        first_rows = torch.arange(len(active), device=parents.device).unsqueeze(1) * beam_size
        state = step.state.select((first_rows + parents).flatten())
        history.append(_Step.of(active, beam, parents, weights))
        limits = torch.tensor([max_lengths[sentence] for sentence in active], device=parents.device)
        done = groups.is_done(beam, len(history), limits, ranking, num_best)
        if done.any():
            slots = groups.result_slots(beam, ranking, num_best).tolist()
            for row in done.nonzero().flatten().tolist():
                hypotheses = _hypotheses(history, active[row], slots[row], ranking)
                found[active[row]] = groups.results(hypotheses, num_best)
            kept = (~done).nonzero().flatten()
            rows = (kept.unsqueeze(1) * beam_size + torch.arange(beam_size, device=kept.device)).flatten()
            stepper, state, beam = stepper.select(kept), state.select(rows), beam.select(kept)
            active = [active[row] for row in kept.tolist()]
    return found


def check_beam(beam_size: int, num_best: int) -> None:
    """Raise SearchError unless the beam can hold `num_best` hypotheses."""
    if beam_size < 1 or not 1 <= num_best <= beam_size:
        raise SearchError(
            f"search: beam {beam_size} cannot give {num_best} best; expected 1 <= num_best <= beam"
        )


@dataclass(frozen=True)
class _Step:
    """What backtracking needs of one step: arrays (n, beam), attention weights (n, beam, S).

    `row_of` maps a sentence to its row; the weights are those of the parent slots.
    """

    row_of: dict[int, int]
    tokens: np.ndarray
    parents: np.ndarray
    totals: np.ndarray
    weights: np.ndarray | None

    @staticmethod
    def of(active: Sequence[int], beam: Beam, parents: Tensor, weights: Tensor | None) -> _Step:
        """Copy a step off the device. `weights` (R, S) are those of the slots before the step, the parents."""
        return _Step(
            row_of={sentence: row for row, sentence in enumerate(active)},
            tokens=beam.tokens.cpu().numpy(),
            parents=parents.cpu().numpy(),
            totals=beam.totals.cpu().numpy(),
            weights=None if weights is None else weights.reshape(*parents.shape, -1).cpu().numpy(),
        )


def _hypotheses(
    history: Sequence[_Step], sentence: int, slots: Sequence[int], ranking: Ranking
) -> list[Hypothesis | None]:
    """Return the hypothesis in each of these slots; None for an empty slot."""
    totals = history[-1].totals[history[-1].row_of[sentence]]
    return [
        _backtrack(history, sentence, slot, ranking) if totals[slot] > -np.inf else None for slot in slots
    ]


def _backtrack(history: Sequence[_Step], sentence: int, slot: int, ranking: Ranking) -> Hypothesis:
    """Read one hypothesis from its last token back to its first."""
    builder = HypothesisBuilder()
    for step, previous in zip(reversed(history), [*reversed(history[:-1]), None], strict=True):
        row = step.row_of[sentence]
        parent = int(step.parents[row, slot])
        if step.tokens[row, slot] != PAD:
            before = 0.0 if previous is None else previous.totals[previous.row_of[sentence], parent]
            weights = None if step.weights is None else step.weights[row, parent]
            builder.append(int(step.tokens[row, slot]), float(step.totals[row, slot] - before), weights)
        slot = parent
    return builder.flipped().build(ranking, sentence)
