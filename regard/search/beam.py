"""Beam search: keep the few best beginnings at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.errors import SearchError
from regard.records import END, PAD, Hypothesis
from regard.search.stepper import Stepper, check_limits, start_tokens, writable
from regard.search.writer import Writer


@torch.inference_mode()
def beam_search(
    stepper: Stepper,
    max_lengths: Sequence[int],
    beam: int = 5,
    length_penalty: float = 1.0,
    num_best: int = 1,
) -> list[list[Hypothesis]]:
    """For each sentence its `num_best` hypotheses, best first, each at most `max_lengths` (1 or more) pieces long.

    At each step the best continuations of what is still being written share the slots that no finished
    hypothesis has taken; a finished one keeps its slot. So a beam of 1 is greedy search. A sentence is left as
    soon as nothing unfinished can overtake what would be returned: log-probabilities only fall, so
    log-probability / max_length ** length_penalty bounds whatever may come. Hypotheses that reached
    end-of-sentence rank before those that were cut off. Raises SearchError for a beam below 1 or below num_best.
    """
    check_limits(stepper, max_lengths)
    if beam < 1 or not 1 <= num_best <= beam:
        raise SearchError(f"search: beam {beam} cannot give {num_best} best; expected 1 <= num_best <= beam")
    if length_penalty < 0:
        raise SearchError(f"search.length_penalty: expected 0 or more, got {length_penalty}")
    found: list[list[Hypothesis]] = [[] for _ in max_lengths]
    going = list(range(stepper.num_sentences))
    history: list[_Step] = []
    state = stepper.start()
    state = state.select(torch.arange(len(going)).repeat_interleave(beam))
    slots = _Slots.empty(len(going), beam, start_tokens(len(going) * beam, state))
    while going:
        prediction = stepper.step(slots.pieces.flatten(), state)
        slots, parents = slots.extend(prediction.log_probabilities)
        first = torch.arange(len(going), device=parents.device).unsqueeze(1) * beam
        state = prediction.state.select((first + parents).flatten())
        looks = None if prediction.attention is None else prediction.attention.weights[:, 0]
        history.append(_Step.of(going, slots, parents, looks))
        limits = torch.tensor([max_lengths[sentence] for sentence in going], device=parents.device)
        done = slots.decided(len(history), limits, length_penalty, num_best)
        for row in done.nonzero().flatten().tolist():
            found[going[row]] = _read_back(history, going[row], length_penalty)[:num_best]
        if done.any():
            kept = (~done).nonzero().flatten()
            rows = (kept.unsqueeze(1) * beam + torch.arange(beam, device=kept.device)).flatten()
            stepper, state, slots = stepper.select(kept), state.select(rows), slots.select(kept)
            going = [going[row] for row in kept.tolist()]
    return found


@dataclass(frozen=True)
class _Slots:
    """The beam of each sentence still going, (n, beam) each: last piece, log-probability, length, ended or not."""

    pieces: Tensor
    totals: Tensor
    lengths: Tensor
    finished: Tensor

    @staticmethod
    def empty(sentences: int, beam: int, start: Tensor) -> _Slots:
        """Before the first piece all slots are alike, so only the first may go on."""
        totals = torch.full((sentences, beam), -torch.inf, device=start.device)
        totals[:, 0] = 0.0
        nothing = torch.zeros_like(totals, dtype=torch.long)
        return _Slots(start.reshape(sentences, beam), totals, nothing, nothing.bool())

    def select(self, rows: Tensor) -> _Slots:
        return _Slots(self.pieces[rows], self.totals[rows], self.lengths[rows], self.finished[rows])

    def extend(self, log_probabilities: Float[Tensor, "R V"]) -> tuple[_Slots, Tensor]:
        """The best continuations, and for each the slot (n, beam) it continues; finished ones go on as they are."""
        sentences, beam = self.totals.shape
        steps = writable(log_probabilities).reshape(sentences, beam, -1)
        gains, pieces = steps.topk(min(beam, steps.shape[-1]), dim=-1)  # (n, beam, k): no slot can fill more
        continued = self.totals.unsqueeze(-1) + gains.masked_fill(self.finished.unsqueeze(-1), -torch.inf)
        continued[..., 0] = torch.where(self.finished, self.totals, continued[..., 0])
        pieces[..., 0] = pieces[..., 0].masked_fill(self.finished, PAD)
        rank = continued.clone()
        rank[..., 0] = rank[..., 0].masked_fill(self.finished, torch.inf)  # a finished one keeps its slot
        chosen = rank.flatten(1).topk(beam, dim=1).indices
        parents = chosen // continued.shape[-1]
        pieces, totals = pieces.flatten(1).gather(1, chosen), continued.flatten(1).gather(1, chosen)
        already = self.finished.gather(1, parents) & (totals > -torch.inf)  # an empty slot has ended nothing
        lengths = self.lengths.gather(1, parents) + (~already).long()
        finished = already | ((pieces == END) & (totals > -torch.inf))
        return _Slots(pieces, totals, lengths, finished), parents

    def decided(self, length: int, limits: Tensor, length_penalty: float, num_best: int) -> Tensor:
        """Whether a sentence's answer cannot change any more, (n,)."""
        scores = self.totals / self.lengths.clamp(min=1) ** length_penalty
        worst_returned = scores.masked_fill(~self.finished, -torch.inf).topk(num_best, dim=1).values[:, -1]
        hope = (self.totals / limits.unsqueeze(1) ** length_penalty).masked_fill(self.finished, -torch.inf)
        enough = self.finished.sum(dim=1) >= num_best
        return (enough & (worst_returned >= hope.amax(dim=1))) | (limits <= length)


@dataclass(frozen=True)
class _Step:
    """What must be kept of one step to read hypotheses back from their end; (n, beam) each, looks (n, beam, S)."""

    place: dict[int, int]
    pieces: np.ndarray
    parents: np.ndarray
    totals: np.ndarray
    finished: np.ndarray
    looks: np.ndarray | None

    @staticmethod
    def of(going: Sequence[int], slots: _Slots, parents: Tensor, looks: Tensor | None) -> _Step:
        """Copied off the device. `looks` (R, S) belong to the slots before the step, that is to the parents."""
        kept = None if looks is None else looks.reshape(*parents.shape, -1).cpu().numpy()
        return _Step(
            place={sentence: row for row, sentence in enumerate(going)},
            pieces=slots.pieces.cpu().numpy(),
            parents=parents.cpu().numpy(),
            totals=slots.totals.cpu().numpy(),
            finished=slots.finished.cpu().numpy(),
            looks=kept,
        )


def _read_back(history: Sequence[_Step], sentence: int, length_penalty: float) -> list[Hypothesis]:
    """All hypotheses of a sentence, the finished before the cut off, each group best first."""
    row = history[-1].place[sentence]
    read = []
    for slot, total in enumerate(history[-1].totals[row]):
        if total > -np.inf:
            finished = bool(history[-1].finished[row, slot])
            read.append((finished, _hypothesis(history, sentence, slot, length_penalty)))
    read.sort(key=lambda one: (one[0], one[1].score), reverse=True)
    return [hypothesis for _, hypothesis in read]


def _hypothesis(history: Sequence[_Step], sentence: int, slot: int, length_penalty: float) -> Hypothesis:
    """Written backwards from the last step, then turned round."""
    writer = Writer()
    for step, before in zip(reversed(history), [*reversed(history[:-1]), None], strict=True):
        row = step.place[sentence]
        parent = int(step.parents[row, slot])
        if step.pieces[row, slot] != PAD:
            so_far = 0.0 if before is None else before.totals[before.place[sentence], parent]
            look = None if step.looks is None else step.looks[row, parent]
            writer.add(int(step.pieces[row, slot]), float(step.totals[row, slot] - so_far), look)
        slot = parent
    return writer.turned_round().hypothesis(length_penalty)
