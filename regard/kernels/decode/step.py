"""Decoding steps by fused kernels: in one call for the rows of a single sentence, in few operations for many.

Step by step, a decoder's own form reads like the paper and starts some thirty operations. A search needs no gradients
and, as a rule, no interventions, and packed weights are kept from one step to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from regard.kernels import dispatch
from regard.kernels.decode.batched import LargeBatch
from regard.kernels.decode.inputs import BestTokens, DecoderWeights, StepInput, StepOutput
from regard.kernels.decode.output import DecodedRow, OutputBuffer
from regard.kernels.decode.single import MAX_ROWS, SmallBatch
from regard.kernels.gemm.int8 import runs_in_int8
from regard.records.tensors import AttentionStep, Candidates, DecoderState, Prediction
from regard.records.text import END, UNWRITABLE, DecodedTokens

_LAYER = "layer"  # prefix of the names of recurrent states
_COMBINED = "combined"  # name of the vector that is fed


class FusedStep:
    """Takes the same steps as the decoder with these weights, where it can.

    `temperature` divides scores before the softmax. Each method returns None where the decoder's own step has to be
    taken: with gradients, with a state that holds more than a decoder's own, or where nothing fused is faster.
    `sentences` are the indices in the memory of those still being decoded.
    """

    def __init__(self, weights: DecoderWeights, temperature: float = 1.0) -> None:
        self._weights, self._temperature = weights, temperature
        self._available = dispatch.by_numba(weights.attention.keys)

    def step(self, tokens: Tensor, state: DecoderState, sentences: Tensor) -> Prediction | None:
        """Decode one token further for every row."""
        rows = self._rows(tokens, state, sentences)
        if rows is None:
            return None
        output = self._batch(rows)(rows)
        return Prediction(output.log_probabilities, *self._results(state, rows, output))

    def best(
        self, tokens: Tensor, state: DecoderState, sentences: Tensor, num_best: int
    ) -> Candidates | None:
        """Decode one token further for every row, and return only the best tokens that may be written."""
        rows = self._rows(tokens, state, sentences)
        if rows is None:
            return None
        best: BestTokens
        best, output = self._batch(rows).best(rows, num_best, UNWRITABLE)
        return Candidates(*best, *self._results(state, rows, output))

    def greedy(
        self, tokens: Tensor, state: DecoderState, sentences: Tensor, limits: Sequence[int]
    ) -> list[DecodedTokens] | None:
        """Run a whole greedy search, each row at most its limit long."""
        rows = self._rows(tokens, state, sentences)
        if rows is None:
            return None
        buffer = OutputBuffer(limits, self._weights.attention.valid.shape[1], END)
        small = MAX_ROWS if _small_pays() else 0
        rest = self._large.greedy(rows, buffer, UNWRITABLE, small) if len(rows.tokens) > small else rows
        decoded = buffer.decoded()
        if len(rest.tokens):
            more = self._small.greedy(rest, buffer.remaining(), UNWRITABLE, END)
            for row, continuation in zip(buffer.rows, more, strict=True):
                decoded[row] = _concat(decoded[row], continuation)
        return [DecodedTokens(*row) for row in decoded]

    def _rows(self, tokens: Tensor, state: DecoderState, sentences: Tensor) -> StepInput | None:
        """Return the rows of a search as kernels take them; None where the decoder's own step has to be taken."""
        if not self._available or torch.is_grad_enabled() or not len(tokens):
            return None
        layers = [name for name in state if name.startswith(_LAYER)]
        others = [name for name in state if not name.startswith(_LAYER)]
        if others not in ([], [_COMBINED]):  # an intervention, or a sequential attention
            return None
        states = [state[name] for name in layers]
        if not dispatch.by_numba(self._weights.attention.keys, *states) or not _fused_pays(len(tokens)):
            return None
        return StepInput(tokens, states, state[_COMBINED] if others else None, sentences)

    def _results(
        self, state: DecoderState, rows: StepInput, output: StepOutput
    ) -> tuple[DecoderState, AttentionStep]:
        """Return state and attention after a step, under the names of the state before it."""
        layers = [name for name in state if name.startswith(_LAYER)]
        fed = {} if rows.fed is None else {_COMBINED: output.combined}
        scores = output.scores if self._temperature == 1 else output.scores * self._temperature
        attention = AttentionStep(
            scores.unsqueeze(1), output.weights.unsqueeze(1), output.context.unsqueeze(1)
        )
        return DecoderState(dict(zip(layers, output.states, strict=True)) | fed), attention

    def _batch(self, rows: StepInput) -> SmallBatch | LargeBatch:
        return self._small if len(rows.tokens) <= MAX_ROWS else self._large

    @cached_property
    def _small(self) -> SmallBatch:
        return SmallBatch(self._weights)

    @cached_property
    def _large(self) -> LargeBatch:
        return LargeBatch(self._weights)


def _concat(start: DecodedRow, continuation: DecodedRow) -> DecodedRow:
    weights = np.concatenate([start[2], continuation[2]])
    return start[0] + continuation[0], start[1] + continuation[1], weights


def _fused_pays(num_rows: int) -> bool:
    """Whether a fused step of `num_rows` rows is faster than the decoder's own."""
    if num_rows <= MAX_ROWS:
        return _small_pays()
    # in 8 bits torch is faster for many rows
    return torch.is_autocast_enabled("cpu") or not runs_in_int8(num_rows)


def _small_pays() -> bool:
    """Whether `SmallBatch` is faster for few rows: in 8 bits or in float32, as it multiplies."""
    return runs_in_int8(MAX_ROWS) or not torch.is_autocast_enabled("cpu")
