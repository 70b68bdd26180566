"""Greedy search: always the most probable next piece."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from regard.records import Hypothesis
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import QuickStepper, Stepper, best_next, check_limits, start_tokens
from regard.search.writer import Writer

MOST_ALIVE = 0.75  # of the rows of a batch, for those that have ended to leave it


@torch.inference_mode()
def greedy_search(
    stepper: Stepper, max_lengths: Sequence[int], ranking: Ranking = DEFAULT_RANKING
) -> list[Hypothesis]:
    """One hypothesis a sentence, each at most its `max_lengths` (1 or more) pieces long, end-of-sentence counted.

    Sentences that have ended leave the batch, several together, for what is left must be copied. `score` is that of
    `ranking`, so that it compares with a beam's.
    """
    check_limits(stepper, max_lengths)
    writers = [Writer() for _ in range(stepper.num_sentences)]
    going = list(range(stepper.num_sentences))
    state = stepper.start()
    tokens = start_tokens(len(going), state)
    changed = True
    while going:
        if changed and isinstance(stepper, QuickStepper):
            left = [max_lengths[sentence] - len(writers[sentence].ids) for sentence in going]
            runs = stepper.greedily(tokens, state, left)
            if runs is not None:
                for sentence, run in zip(going, runs, strict=True):
                    writers[sentence].go_on(run)
                break
        offered = best_next(stepper, tokens, state, 1)
        gains, tokens, state = offered.gains[:, 0], offered.pieces[:, 0], offered.state
        looks = None if offered.attention is None else offered.attention.weights[:, 0].cpu().numpy()
        alive = []
        for row, (piece, gain) in enumerate(zip(tokens.tolist(), gains.tolist(), strict=True)):
            writer = writers[going[row]]
            if not writer.ended(max_lengths[going[row]]):
                writer.add(piece, gain, None if looks is None else looks[row])
                if not writer.ended(max_lengths[going[row]]):
                    alive.append(row)
        changed = len(alive) <= MOST_ALIVE * len(going)
        if changed:
            kept = torch.tensor(alive, dtype=torch.long, device=tokens.device)
            stepper, state, tokens = stepper.select(kept), state.select(kept), tokens[kept]
            going = [going[row] for row in alive]
    return [writer.hypothesis(ranking, row) for row, writer in enumerate(writers)]
