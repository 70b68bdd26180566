"""Traces: one translation decoded again step by step, with everything attention did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.data.tokeniser import Tokeniser
from regard.model import Seq2Seq
from regard.records.tensors import Memory
from regard.records.text import START, Candidate, TraceStep, Translation
from regard.search import StepOverrides, override_weights


@torch.inference_mode()
def trace_steps(
    model: Seq2Seq,
    target: Tokeniser,
    memory: Memory,
    ids: Sequence[int],
    overrides: StepOverrides,
    num_candidates: int,
    alignment: bool,
) -> Iterator[TraceStep]:
    """Feed the tokens `ids` to the decoder, one sentence in `memory`, and yield what happened at each step."""
    decoder, device = model.decoder, memory.values.device
    state = decoder.start(memory)
    for index, (previous, token) in enumerate(zip((START, *ids), ids, strict=False)):
        if index in overrides.weights:
            weights = overrides.weights_at(index, memory.values.shape[1], device)
            state = override_weights(state, weights.unsqueeze(0))
        step = decoder.step(torch.tensor([previous], device=device), state, memory)
        log_probabilities = model.log_probabilities(step.combined)[0, 0]
        attention = step.attention
        yield TraceStep(
            token=target.tokens([token])[0],
            id=token,
            log_probability=float(log_probabilities[token]),
            candidates=_candidates(log_probabilities, target, num_candidates),
            query=None if attention is None else to_array(decoder.query_of(state, step)[0]),
            scores=None if attention is None else to_array(attention.scores[0, 0]),
            weights=None if attention is None else to_array(attention.weights[0, 0]),
            context=None if attention is None else to_array(attention.context[0, 0]),
            alignment=(
                to_array(attention.alignment(memory)[0, 0]) if attention is not None and alignment else None
            ),
            intervention=overrides.kinds.get(index),
        )
        state = step.state


def with_steps(translation: Translation, steps: Sequence[TraceStep]) -> Translation:
    """Replace a translation's attention and log-probabilities, which may be those of a batch, by the steps'."""
    weights = [step.weights for step in steps if step.weights is not None]
    return replace(
        translation,
        attention=np.stack(weights) if weights else None,
        log_probabilities=tuple(step.log_probability for step in steps),
    )


def to_array(tensor: Tensor) -> NDArray[np.float32]:
    """Copy a tensor to a float32 array on the CPU."""
    return tensor.float().cpu().numpy()


def _candidates(log_probabilities: Tensor, target: Tokeniser, num_candidates: int) -> tuple[Candidate, ...]:
    best = log_probabilities.topk(min(num_candidates, len(log_probabilities)))
    tokens = target.tokens(best.indices.tolist())
    return tuple(Candidate(token, p) for token, p in zip(tokens, best.values.exp().tolist(), strict=True))
