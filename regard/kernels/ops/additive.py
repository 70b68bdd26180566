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
from regard.kernels.gemm.deferred import backward_pass, current_loop
from regard.kernels.intrinsics import tanh, to_float32
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.threads import parallel_range


def additive(
    query: Float[Tensor, "B T A"], keys: Float[Tensor, "B S A"], v: Float[Tensor, " A"]
) -> Float[Tensor, "B T S"]:
    """The score of every projected query against every key.

    The fused form keeps neither the sums nor their tanh: going back, it computes them again. Inside
    `deferred_weight_grads()` the gradient of the keys is added up in place.
    """
    if not dispatch.fused(query, keys, v):
        return additive_plain(query, keys, v)
    loop = current_loop()
    if loop is None or not keys.requires_grad:
        return _Additive.apply(query, keys, v, None)  # type: ignore[no-any-return]
    (gated,), total = loop.gate((keys,), lambda: _Total(keys), "additive")
    return _Additive.apply(query, gated, v, total)  # type: ignore[no-any-return]


def additive_plain(query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
    """As in the paper, also under autocast in float32 or better; holds T · S · A numbers while it works."""
    with torch.autocast(query.device.type, enabled=False):
        return torch.tanh(at_least_float32(query).unsqueeze(2) + at_least_float32(keys).unsqueeze(1)) @ v


class _Total:
    """The gradient of the keys, added up over the steps that a backward pass comes through."""

    def __init__(self, keys: Tensor) -> None:
        self._shape, self._device = keys.shape, keys.device
        self._of: tuple[int, Tensor] | None = None

    def so_far(self) -> Tensor:
        """What to add to, zero at first."""
        now = backward_pass()
        if self._of is None or self._of[0] != now:
            self._of = (now, torch.zeros(self._shape, device=self._device))
        return self._of[1]

    def formed(self) -> tuple[Tensor] | None:
        """The sum, once."""
        kept, self._of = self._of, None
        now = backward_pass()
        return (kept[1],) if kept is not None and kept[0] == now else None


class _Additive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, v: Tensor, total: _Total | None) -> Tensor:
        given = query.float().contiguous(), keys.float().contiguous(), v.float().contiguous()
        scores = given[0].new_empty(query.shape[0], query.shape[1], keys.shape[1])
        launcher(scores)(_additive_forward, *given, scores)
        ctx.total = total
        ctx.save_for_backward(query, keys, v, *given)
        return scores

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, keys, v, *given = ctx.saved_tensors
        if is_double_backward():
            return *double_backward(additive_plain, (query, keys, v), (grad,)), None
        d_query, d_v = torch.empty_like(given[0]), given[0].new_zeros(len(query), v.shape[0])
        d_keys = torch.zeros_like(given[1]) if ctx.total is None else ctx.total.so_far()
        launcher(grad)(_additive_backward, *given, grad.contiguous(), d_query, d_keys, d_v)
        return d_query.to(query.dtype), (d_keys if ctx.total is None else None), d_v.sum(dim=0), None


@kernel
def _additive_forward(query, keys, v, scores):  # type: ignore[no-untyped-def]
    sentences, places, size = keys.shape
    for b in parallel_range(sentences):
        for t in range(query.shape[1]):
            q = query[b, t]
            for s in range(places):
                k, total = keys[b, s], f32(0)
                for a in range(size):
                    total += v[a] * tanh(q[a] + k[a])
                scores[b, t, s] = total


@inner
def add_gradients(q, k, v, d, y, dq, dk, dv):  # type: ignore[no-untyped-def]
    """Add what `d`, the gradient of `v · tanh(q + k)`, gives to those of q, k and v; `y` is room to work in."""
    for a in range(len(v)):
        y[a] = tanh(q[a] + to_float32(k[a]))
    for a in range(len(v)):
        dv[a] += d * y[a]
    for a in range(len(v)):
        y[a] = d * v[a] * (f32(1) - y[a] * y[a])
    for a in range(len(v)):
        dq[a] += y[a]
    for a in range(len(v)):
        dk[a] += y[a]


@kernel
def _additive_backward(query, keys, v, grad, d_query, d_keys, d_v):  # type: ignore[no-untyped-def]
    sentences, places, size = keys.shape
    for b in parallel_range(sentences):
        dv, y = d_v[b], np.empty(size, np.float32)
        for t in range(query.shape[1]):
            q, dq = query[b, t], d_query[b, t]
            for a in range(size):
                dq[a] = f32(0)
            for s in range(places):
                d, k, dk = grad[b, t, s], keys[b, s], d_keys[b, s]
                if d != f32(0):
                    add_gradients(q, k, v, d, y, dq, dk, dv)
