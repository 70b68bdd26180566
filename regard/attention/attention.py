"""The steps of attention: from a query and the encoder states to a context."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.attention.normalisers import Normaliser, Softmax
from regard.attention.scores import SCORES, Score
from regard.errors import ShapeError
from regard.records.tensors import AttentionStep, Memory


class Attention(nn.Module):
    """Attention over the encoder states: scores (step 1), weights (2), weighted states (3), their sum (4).

    Score and normaliser are parts passed in. `prepare` computes the keys once a sentence; `step` takes one query a
    sentence, all T of them, or several rows a sentence (a beam), whose sentence is not copied. Scores and weights
    are computed in float32 even where the rest of the model is in bfloat16.

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
        """The number that a softmax divides scores by; 1 for any other normaliser."""
        return self.normalise.temperature if isinstance(self.normalise, Softmax) else 1.0

    def prepare(self, memory: Memory) -> Memory:
        """Return the memory with its keys, (B, S, K)."""
        return replace(memory, keys=kernels.at_least_float32(self.score.keys(memory.values)))

    def start(self, memory: Memory) -> dict[str, Tensor]:
        """Return the state before the first token: nothing, or the weights and their sum so far, (B, S)."""
        if not self.sequential:
            return {}
        zeros = torch.zeros_like(memory.valid, dtype=memory.values.dtype)
        return {"previous": zeros, "coverage": zeros}

    def step(
        self, query: Float[Tensor, "R T Q"], memory: Memory, state: Mapping[str, Tensor]
    ) -> AttentionStep:
        """Attend with every query. R is B, or a whole multiple of it: the rows of a sentence are consecutive.

        A row (R, S) of "override" in the state that is not NaN replaces the weights, for this step alone.
        """
        inputs = self._step_inputs(query, memory, state)
        if inputs is not None:
            return self._attend(query, inputs)
        assert memory.keys is not None, "Attention.prepare computes the keys before the first step"
        rows, steps, _ = query.shape
        sentences, positions = memory.valid.shape
        by_sentence = query.reshape(sentences, -1, query.shape[-1])  # (B, R / B * T, Q)
        states = {name: tensor.reshape(sentences, -1, positions) for name, tensor in state.items()}
        scores = kernels.at_least_float32(self.score(by_sentence, memory.keys, memory, states))
        valid = memory.valid.unsqueeze(1) & (scores != -math.inf)
        weights = _override(self.normalise(scores, valid), states.get("override"))
        context = kernels.weighted_sum(weights, kernels.at_least_float32(memory.values))
        return AttentionStep(
            scores=scores.masked_fill(~valid, -math.inf).reshape(rows, steps, positions),
            weights=weights.reshape(rows, steps, positions),
            context=context.reshape(rows, steps, -1),
            state=self._next_state(weights.reshape(rows, steps, positions), state),
        )

    def why_step_by_step(self, like: Tensor) -> str | None:
        """Say why a loop over this attention cannot be fused for tensors like this one, in words; None if it can.

        On a CPU an attention without kernels runs its own code inside a fused loop.
        """
        return self._why_no_loop() or (None if kernels.by_numba(like) else self.why_no_kernel())

    def why_no_kernel(self) -> str | None:
        """Say why kernels cannot compute this attention, in words; None if they can."""
        if reason := self._why_no_loop():
            return reason
        if type(self.normalise) is not Softmax:
            return f"the normaliser {type(self.normalise).__name__} has no kernel"
        if not kernels.declares(self.score, "kernel_form") or self.score.kernel_form() is None:
            return f"the score {self._score_name} has no kernel"
        return None

    def kernel_inputs(self, memory: Memory, query_size: int) -> kernels.AttentionInputs | None:
        """Return the attention as kernels take it, for queries (R, Q); None where they cannot compute it.

        Raises ShapeError if the score's `kernel_form` does not fit the memory or the queries.
        """
        form = None if self.why_no_kernel() else self.score.kernel_form()
        if form is None or memory.keys is None:
            return None
        project, v, scale = form
        self._check_form(project, v, memory.keys.shape[-1], query_size)
        values = kernels.at_least_float32(memory.values)
        scale = scale / self.temperature
        return kernels.AttentionInputs(memory.keys, values, memory.valid, project, v, scale)

    def loop_inputs(self, memory: Memory, query_size: int) -> kernels.LoopAttention | None:
        """Return the attention as a fused loop takes it, by kernels or else as a function; None if it cannot."""
        inputs = self.kernel_inputs(memory, query_size)
        if inputs is not None:
            return inputs
        if memory.keys is None or self._why_no_loop() or not kernels.by_numba(memory.keys):
            return None
        return self._as_function(memory, memory.keys)

    def _as_function(self, memory: Memory, keys: Tensor) -> kernels.AttentionFunction:
        layers = memory.final_layers

        def attend(query: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
            keys, values, final, *others = tensors
            parts = iter(others)
            final_layers = tuple(tuple(next(parts) for _ in layer) for layer in layers)
            now = replace(memory, keys=keys, values=values, final=final, final_layers=final_layers)
            step = self.step(query.unsqueeze(1), now, {})
            return step.context.squeeze(1), step.weights.squeeze(1)

        tensors = keys, memory.values, memory.final, *(part for layer in layers for part in layer)
        parameters, size = tuple(self.parameters()), memory.values.shape[-1]
        return kernels.AttentionFunction(attend, tensors, parameters, size, torch.is_grad_enabled())

    def _check_form(self, project: Tensor | None, v: Tensor | None, key_size: int, query_size: int) -> None:
        """Raise ShapeError unless v · tanh(W q + k), or q · k, can be computed: kernels do not check bounds."""
        shapes = tuple(None if tensor is None else tuple(tensor.shape) for tensor in (project, v))
        if shapes not in [((key_size, query_size), (key_size,))] + [(None, None)] * (key_size == query_size):
            dot = "" if key_size != query_size else ", or None for both"
            raise ShapeError(
                f"{type(self.score).__name__}.kernel_form: for queries {query_size} wide and keys {key_size} wide, "
                f"expected W of shape {(key_size, query_size)} and v of shape {(key_size,)}{dot}; got {shapes[0]} "
                f"and {shapes[1]}: return None if the score is neither v · tanh(W q + k) nor q · k"
            )

    def _why_no_loop(self) -> str | None:
        if self.sequential:
            return "the attention depends on the steps before"
        if not kernels.declares(self, "kernel_inputs"):
            return f"{type(self).__name__} may change what Attention does"
        return None

    @property
    def _score_name(self) -> str:
        names = [name for name, score in SCORES.items() if score is type(self.score)]
        return names[0] if names else type(self.score).__name__

    def _step_inputs(
        self, query: Tensor, memory: Memory, state: Mapping[str, Tensor]
    ) -> kernels.AttentionInputs | None:
        """Return the attention as kernels take it for a step of a search in which nobody intervenes, else None."""
        if torch.is_grad_enabled() or query.shape[1] != 1 or state:
            return None
        inputs = self.kernel_inputs(memory, query.shape[-1])
        return inputs if inputs is not None and kernels.by_numba(query, inputs.keys) else None

    def _attend(self, query: Tensor, inputs: kernels.AttentionInputs) -> AttentionStep:
        scores, weights, context = (part.unsqueeze(1) for part in kernels.attend(inputs, query.squeeze(1)))
        if self.temperature != 1:
            scores = scores * self.temperature
        return AttentionStep(scores, weights, context, {})

    def _next_state(self, weights: Tensor, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not self.sequential:
            return {}
        assert weights.shape[1] == 1, "a sequential attention takes one step at a time"
        return {"previous": weights.squeeze(1), "coverage": state["coverage"] + weights.squeeze(1)}


def _override(weights: Tensor, override: Tensor | None) -> Tensor:
    """Return the weights, replaced in the rows of `override` that are not NaN."""
    return weights if override is None else torch.where(override.isnan(), weights, override)
