"""The additive score, `v · tanh(q + k)`, without ever holding T · S · A numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels import dispatch
from regard.kernels.compile import f32, inner, kernel
from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import at_least_float32
from regard.kernels.gemm.deferred import backward_pass_id, current_loop
from regard.kernels.intrinsics import tanh, to_float32
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.shapes import expect_shape
from regard.kernels.threads import parallel_range


def additive(
    query: Float[Tensor, "B T A"], keys: Float[Tensor, "B S A"], v: Float[Tensor, " A"]
) -> Float[Tensor, "B T S"]:
    """Score every projected query against every key: `v · tanh(q + k)`.

    The fused form saves neither the sums nor their tanh: its backward pass computes them again. Inside
    `deferred_weight_grads()` the gradient of the keys is accumulated in place. Raises ShapeError.
    """
    if not dispatch.fused(query, keys, v):
        return additive_plain(query, keys, v)
    batch, _, size = keys.shape
    expect_shape("additive", "query", query, batch, query.shape[1], size)
    expect_shape("additive", "v", v, size)
    loop = current_loop()
    if loop is None or not keys.requires_grad:
        return _Additive.apply(query, keys, v, None)  # type: ignore[no-any-return]
    (shared_keys,), gradient = loop.share((keys,), lambda: _KeysGradient(keys), "additive")
    return _Additive.apply(query, shared_keys, v, gradient)  # type: ignore[no-any-return]


def additive_plain(query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
    """Score as the paper does, also under autocast in float32 or better; holds T · S · A numbers meanwhile."""
    with torch.autocast(query.device.type, enabled=False):
        return torch.tanh(at_least_float32(query).unsqueeze(2) + at_least_float32(keys).unsqueeze(1)) @ v


class _KeysGradient:
    """The gradient of keys that the steps of a loop share, accumulated over the steps of one backward pass."""

    def __init__(self, keys: Tensor) -> None:
        self._shape, self._device = keys.shape, keys.device
        self._accumulated: tuple[int, Tensor] | None = None  # backward pass and sum

    def accumulator(self) -> Tensor:
        """Return the tensor (B, S, A) that this backward pass adds to, zeros at first."""
        current = backward_pass_id()
        if self._accumulated is None or self._accumulated[0] != current:
            self._accumulated = (current, torch.zeros(self._shape, device=self._device))
        return self._accumulated[1]

    def compute(self) -> tuple[Tensor] | None:
        """Return the sum over the steps of this backward pass, once; None if there were none."""
        accumulated, self._accumulated = self._accumulated, None
        if accumulated is None or accumulated[0] != backward_pass_id():
            return None
        return (accumulated[1],)


class _Additive(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, keys: Tensor, v: Tensor, keys_gradient: _KeysGradient | None
    ) -> Tensor:
        inputs = query.float().contiguous(), keys.float().contiguous(), v.float().contiguous()
        scores = inputs[0].new_empty(query.shape[0], query.shape[1], keys.shape[1])
        launcher(scores)(additive_forward, *inputs, scores)
        ctx.keys_gradient = keys_gradient
        ctx.save_for_backward(query, keys, v, *inputs)
        return scores

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, keys, v, *inputs = ctx.saved_tensors
        if is_double_backward():
            return *double_backward(additive_plain, (query, keys, v), (grad,)), None
        deferred = ctx.keys_gradient
        d_query, d_v = torch.empty_like(inputs[0]), inputs[0].new_zeros(len(query), v.shape[0])
        d_keys = torch.zeros_like(inputs[1]) if deferred is None else deferred.accumulator()
        launcher(grad)(additive_backward, *inputs, grad.contiguous(), d_query, d_keys, d_v)
        return d_query.to(query.dtype), (d_keys if deferred is None else None), d_v.sum(dim=0), None


@kernel
def additive_forward(query, keys, v, scores):  # type: ignore[no-untyped-def]
    """scores (B, T, S) = Σ_a v_a tanh(q_ta + k_sa), from query (B, T, A), keys (B, S, A), v (A,)."""
    batch, num_positions, size = keys.shape
    for b in parallel_range(batch):
        for t in range(query.shape[1]):
            q = query[b, t]
            for s in range(num_positions):
                k, score = keys[b, s], f32(0)
                for a in range(size):
                    score += v[a] * tanh(q[a] + k[a])
                scores[b, t, s] = score


@inner
def additive_score_backward(q, k, v, d, y, dq, dk, dv):  # type: ignore[no-untyped-def]
    """Add to dq, dk, dv (A,) what `d`, the gradient of one score, contributes; y (A,) is scratch memory.

    With q, k, v (A,). Forward: `score = Σ_a v_a y_a, y = tanh(q + k)`.
    """
    for a in range(len(v)):
        y[a] = tanh(q[a] + to_float32(k[a]))
    # forward: score = Σ_a v_a y_a
    for a in range(len(v)):
        dv[a] += d * y[a]
    # forward: y = tanh(q + k)
    for a in range(len(v)):
        y[a] = d * v[a] * (f32(1) - y[a] * y[a])
    for a in range(len(v)):
        dq[a] += y[a]
    for a in range(len(v)):
        dk[a] += y[a]


@kernel
def additive_backward(query, keys, v, grad, d_query, d_keys, d_v):  # type: ignore[no-untyped-def]
    """Backward of `additive_forward`, from grad (B, T, S).

    Writes d_query (B, T, A); adds to d_keys (B, S, A) and to d_v (B, A), one row a sentence.
    """
    batch, num_positions, size = keys.shape
    for b in parallel_range(batch):
        dv, y = d_v[b], np.empty(size, np.float32)
        for t in range(query.shape[1]):
            q, dq = query[b, t], d_query[b, t]
            for a in range(size):
                dq[a] = f32(0)
            for s in range(num_positions):
                d, k, dk = grad[b, t, s], keys[b, s], d_keys[b, s]
                if d != f32(0):
                    additive_score_backward(q, k, v, d, y, dq, dk, dv)
