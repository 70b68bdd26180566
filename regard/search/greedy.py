"""Greedy search: always the most probable next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from regard.records.text import END, Hypothesis, Run
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, best_next, check_limits, quick, start_tokens

MOST_ALIVE = 0.75  # of the rows of a batch, for those that have ended to leave it


@torch.inference_mode()
def greedy_search(
    stepper: Stepper, max_lengths: Sequence[int], ranking: Ranking = DEFAULT_RANKING
) -> list[Hypothesis]:
    """One hypothesis a sentence, each at most its `max_lengths` (1 or more) tokens long, end-of-sentence counted.

    Sentences that have ended leave the batch, several together, for what is left must be copied. `score` is that of
    `ranking`, so that it compares with a beam's.
    """
    check_limits(stepper, max_lengths)
    limits, going = np.array(max_lengths, dtype=np.int64), np.arange(stepper.num_sentences)
    lengths, ended = np.zeros_like(limits), np.zeros(len(limits), dtype=np.bool_)
    history: list[_Step] = []
    rest: dict[int, Run] = {}
    state = stepper.start()
    tokens = start_tokens(len(going), state)
    changed = True
    while len(going):
        if changed and (quickly := quick(stepper)) is not None:
            runs = quickly.greedily(tokens, state, (limits - lengths)[going].tolist())
            if runs is not None:
                rest = dict(zip(going.tolist(), runs, strict=True))
                break
        offered = best_next(stepper, tokens, state, 1)
        tokens, state = offered.tokens[:, 0], offered.state
        looks = None if offered.attention is None else offered.attention.weights[:, 0].cpu().numpy()
        step = _Step(going, tokens.cpu().numpy(), offered.gains[:, 0].cpu().numpy(), looks)
        history.append(step)
        lengths[going] += ~ended[going]
        ended[going] |= (step.tokens == END) | (lengths[going] >= limits[going])
        alive = (~ended[going]).nonzero()[0]
        changed = len(alive) <= MOST_ALIVE * len(going)
        if changed:
            kept = torch.from_numpy(alive).to(tokens.device)
            stepper, state, tokens = stepper.select(kept), state.select(kept), tokens[kept]
            going = going[alive]
    found = []
    for sentence, run in enumerate(_runs(history, lengths)):
        writer = HypothesisBuilder()
        writer.go_on(run)
        if sentence in rest:
            writer.go_on(rest[sentence])
        found.append(writer.hypothesis(ranking, sentence))
    return found


@dataclass(frozen=True)
class _Step:
    """What a step wrote of the sentences (n,) that were in the batch: tokens, gains, and looks (n, S)."""

    sentences: np.ndarray
    tokens: np.ndarray
    gains: np.ndarray
    looks: np.ndarray | None


def _runs(history: Sequence[_Step], lengths: np.ndarray) -> list[Run]:
    """What each sentence wrote in as many of the steps as it is long."""
    shape = len(history), len(lengths)
    tokens, gains = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    widths = [0 if step.looks is None else step.looks.shape[1] for step in history]
    looks = np.zeros((*shape, max(widths, default=0)), np.float32)
    for number, (step, width) in enumerate(zip(history, widths, strict=True)):
        tokens[number, step.sentences], gains[number, step.sentences] = step.tokens, step.gains
        if step.looks is not None:
            looks[number, step.sentences, :width] = step.looks
    return [
        Run(tokens[:n, row].tolist(), gains[:n, row].tolist(), looks[:n, row].copy() if any(widths) else None)
        for row, n in enumerate(lengths)
    ]
