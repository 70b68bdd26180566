"""Greedy search: always take the most probable next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from regard.records.text import END, DecodedTokens, Hypothesis
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, as_fused, best_next, check_limits, start_tokens

MAX_ACTIVE_SHARE = (
    0.75  # finished sentences leave the batch once at most this share of its rows is unfinished
)


@torch.inference_mode()
def greedy_search(
    stepper: Stepper, max_lengths: Sequence[int], ranking: Ranking = DEFAULT_RANKING
) -> list[Hypothesis]:
    """Return one hypothesis per sentence, each at most `max_lengths` (1 or more) tokens long, END included.

    Finished sentences leave the batch several at a time, because the state of the others must be copied each time.
    `score` is that of `ranking`, so that it is comparable with a beam search's.
    """
    check_limits(stepper, max_lengths)
    limits, active = np.array(max_lengths, dtype=np.int64), np.arange(stepper.num_sentences)
    lengths, finished = np.zeros_like(limits), np.zeros(len(limits), dtype=np.bool_)
    history: list[_Step] = []
    rest: dict[int, DecodedTokens] = {}
    state = stepper.start()
    tokens = start_tokens(len(active), state)
    changed = True
    while len(active):
        if changed and (fused := as_fused(stepper)) is not None:
            decoded = fused.greedy(tokens, state, (limits - lengths)[active].tolist())
            if decoded is not None:
                rest = dict(zip(active.tolist(), decoded, strict=True))
                break
        best = best_next(stepper, tokens, state, 1)
        tokens, state = best.tokens[:, 0], best.state
        weights = None if best.attention is None else best.attention.weights[:, 0].cpu().numpy()
        step = _Step(active, tokens.cpu().numpy(), best.log_probabilities[:, 0].cpu().numpy(), weights)
        history.append(step)
        lengths[active] += ~finished[active]
        finished[active] |= (step.tokens == END) | (lengths[active] >= limits[active])
        kept = (~finished[active]).nonzero()[0]
        changed = len(kept) <= MAX_ACTIVE_SHARE * len(active)
        if changed:
            rows = torch.from_numpy(kept).to(tokens.device)
            stepper, state, tokens = stepper.select(rows), state.select(rows), tokens[rows]
            active = active[kept]
    found = []
    for sentence, decoded_tokens in enumerate(_tokens_by_sentence(history, lengths)):
        builder = HypothesisBuilder()
        builder.extend(decoded_tokens)
        if sentence in rest:
            builder.extend(rest[sentence])
        found.append(builder.build(ranking, sentence))
    return found


@dataclass(frozen=True)
class _Step:
    """One step of the n sentences in the batch: tokens (n,), log-probabilities (n,), attention weights (n, S)."""

    sentences: np.ndarray
    tokens: np.ndarray
    log_probabilities: np.ndarray
    weights: np.ndarray | None


def _tokens_by_sentence(history: Sequence[_Step], lengths: np.ndarray) -> list[DecodedTokens]:
    """Return the tokens of each sentence, taken from its first `lengths` steps."""
    shape = len(history), len(lengths)
    tokens, log_probabilities = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    widths = [0 if step.weights is None else step.weights.shape[1] for step in history]
    weights = np.zeros((*shape, max(widths, default=0)), np.float32)
    for t, (step, width) in enumerate(zip(history, widths, strict=True)):
        tokens[t, step.sentences], log_probabilities[t, step.sentences] = step.tokens, step.log_probabilities
        if step.weights is not None:
            weights[t, step.sentences, :width] = step.weights
    return [
        DecodedTokens(
            tokens[:n, row].tolist(),
            log_probabilities[:n, row].tolist(),
            weights[:n, row].copy() if any(widths) else None,
        )
        for row, n in enumerate(lengths)
    ]
