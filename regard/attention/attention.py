"""The steps of attention: a query looks at the encoder states, and a context comes back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.attention.normalisers import Normaliser, Softmax
from regard.attention.scores import Score
from regard.records.tensors import AttentionStep, Memory


class Attention(nn.Module):
    """One look at the encoder states: scores (step 1), weights (2), weighted states (3), their sum (4).

    Score and normaliser are parts passed in. `prepare` makes the keys once a sentence; `step` may be called
    with one query a sentence, with all T of them, or with several rows a sentence (a beam), whose sentence is
    not copied. Scores and weights are computed in float32 even where the rest of the model is in bfloat16.

    Source: Bahdanau et al. 2015, section 3.1, equations 5 and 6; Luong et al. 2015, section 3.1.
    """

    def __init__(self, score: Score, normalise: Normaliser) -> None:
        super().__init__()
        self.score = score
        self.normalise = normalise

    @property
    def sequential(self) -> bool:
        """Whether a step needs the weights of the steps before, so that steps must be taken one by one."""
        return self.score.sequential or self.normalise.sequential

    @property
    def temperature(self) -> float:
        """What a softmax divides scores by; 1 for any other normaliser."""
        return self.normalise.temperature if isinstance(self.normalise, Softmax) else 1.0

    def prepare(self, memory: Memory) -> Memory:
        """The memory with its keys, (B, S, K)."""
        return replace(memory, keys=kernels.at_least_float32(self.score.keys(memory.values)))

    def start(self, memory: Memory) -> dict[str, Tensor]:
        """The attention state before the first word: nothing, or weights and their sum so far, (B, S)."""
        if not self.sequential:
            return {}
        nothing = torch.zeros_like(memory.valid, dtype=memory.values.dtype)
        return {"previous": nothing, "coverage": nothing}

    def step(
        self, query: Float[Tensor, "R T Q"], memory: Memory, state: Mapping[str, Tensor]
    ) -> AttentionStep:
        """Attend with every query. R is B, or a whole multiple of it: the rows of a sentence stand together.

        A row (R, S) of `override` in the state that is not NaN takes the place of the weights, for this step alone.
        """
        inputs = self._fused_inputs(query, memory, state)
        if inputs is not None:
            return self._attend(query, inputs)
        rows, steps, _ = query.shape
        sentences, positions = memory.valid.shape
        folded = query.reshape(sentences, -1, query.shape[-1])  # (B, R / B * T, Q)
        seen = {name: tensor.reshape(sentences, -1, positions) for name, tensor in state.items()}
        scores = kernels.at_least_float32(self.score(folded, memory, seen))
        looked = memory.valid.unsqueeze(1) & (scores != -math.inf)
        weights = _override(self.normalise(scores, looked), seen.get("override"))
        context = kernels.weighted_sum(weights, kernels.at_least_float32(memory.values))
        return AttentionStep(
            scores=scores.masked_fill(~looked, -math.inf).reshape(rows, steps, positions),
            weights=weights.reshape(rows, steps, positions),
            context=context.reshape(rows, steps, -1),
            state=self._after(weights.reshape(rows, steps, positions), state),
        )

    def kernel_inputs(self, memory: Memory) -> kernels.AttentionInputs | None:
        """The same look as the kernels take it at every step of a loop; None where they cannot."""
        known = self.score.in_loops()
        if known is None or type(self.normalise) is not Softmax or memory.keys is None:
            return None
        project, v, scale = known
        values = kernels.at_least_float32(memory.values)
        return kernels.AttentionInputs(
            memory.keys, values, memory.valid, project, v, scale / self.normalise.temperature
        )

    def _fused_inputs(
        self, query: Tensor, memory: Memory, state: Mapping[str, Tensor]
    ) -> kernels.AttentionInputs | None:
        """The look as the kernels take it in one pass: in a search, where nobody meddles."""
        if torch.is_grad_enabled() or query.shape[1] != 1 or state:
            return None
        inputs = self.kernel_inputs(memory)
        return inputs if inputs is not None and kernels.by_numba(query, inputs.keys) else None

    def _attend(self, query: Tensor, inputs: kernels.AttentionInputs) -> AttentionStep:
        scores, weights, context = (part.unsqueeze(1) for part in kernels.attend(inputs, query.squeeze(1)))
        if self.temperature != 1:
            scores = scores * self.temperature
        return AttentionStep(scores, weights, context, {})

    def _after(self, weights: Tensor, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not self.sequential:
            return {}
        assert weights.shape[1] == 1, "a sequential attention takes one step at a time"
        return {"previous": weights.squeeze(1), "coverage": state["coverage"] + weights.squeeze(1)}


def _override(weights: Tensor, given: Tensor | None) -> Tensor:
    """The weights, replaced in the rows that somebody gives; a row of NaN is not given."""
    return weights if given is None else torch.where(given.isnan(), weights, given)
