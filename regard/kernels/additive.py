"""The additive score, `v · tanh(q + k)`, without ever holding T · S · A numbers."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.kernels import policy
from regard.kernels.compiled import array, f32, kernel, prange, tanh
from regard.kernels.derivatives import through, wanted_again
from regard.kernels.products import backward_pass, current_loop


def additive(
    query: Float[Tensor, "B T A"], keys: Float[Tensor, "B S A"], v: Float[Tensor, " A"]
) -> Float[Tensor, "B T S"]:
    """The score of every projected query against every key.

    The fused form keeps neither the sums nor their tanh: going back, it computes them again. Inside `steps()` the
    gradient of the keys is added up in place.
    """
    if not policy.fused(query, keys, v):
        return additive_plain(query, keys, v)
    loop = current_loop()
    if loop is None or not keys.requires_grad:
        return _Additive.apply(query, keys, v, None)  # type: ignore[no-any-return]
    (gated,), total = loop.gate((keys,), lambda: _Total(keys), "additive")
    return _Additive.apply(query, gated, v, total)  # type: ignore[no-any-return]


def additive_plain(query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
    """As in the paper; holds T · S · A numbers while it works."""
    return torch.tanh(query.unsqueeze(2) + keys.unsqueeze(1)) @ v


class _Total:
    """The gradient of the keys, added up over the steps that a backward pass comes through."""

    def __init__(self, keys: Tensor) -> None:
        self._shape = keys.shape
        self._of: tuple[int, Tensor] | None = None

    def so_far(self) -> Tensor:
        """What to add to, zero at first."""
        now = backward_pass()
        if self._of is None or self._of[0] != now:
            self._of = (now, torch.zeros(self._shape))
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
        scores = torch.empty(query.shape[0], query.shape[1], keys.shape[1])
        _forward(*map(array, given), array(scores))
        ctx.total = total
        ctx.save_for_backward(query, keys, v, *given)
        return scores

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, keys, v, *given = ctx.saved_tensors
        if wanted_again():
            return *through(additive_plain, (query, keys, v), (grad,)), None
        d_query, d_v = torch.empty_like(given[0]), torch.zeros(len(query), v.shape[0])
        d_keys = torch.zeros_like(given[1]) if ctx.total is None else ctx.total.so_far()
        _backward(*map(array, (*given, grad.contiguous(), d_query, d_keys, d_v)))
        return d_query, (d_keys if ctx.total is None else None), d_v.sum(dim=0), None


@kernel
def _forward(query, keys, v, scores):  # type: ignore[no-untyped-def]
    sentences, places, size = keys.shape
    for b in prange(sentences):
        for t in range(query.shape[1]):
            for s in range(places):
                total = f32(0)
                for a in range(size):
                    total += v[a] * tanh(query[b, t, a] + keys[b, s, a])
                scores[b, t, s] = total


@kernel
def _backward(query, keys, v, grad, d_query, d_keys, d_v):  # type: ignore[no-untyped-def]
    sentences, places, size = keys.shape
    for b in prange(sentences):
        for t in range(query.shape[1]):
            for a in range(size):
                d_query[b, t, a] = f32(0)
            for s in range(places):
                d = grad[b, t, s]
                if d != f32(0):
                    for a in range(size):
                        y = tanh(query[b, t, a] + keys[b, s, a])
                        g = d * v[a] * (f32(1) - y * y)
                        d_v[b, a] += d * y
                        d_query[b, t, a] += g
                        d_keys[b, s, a] += g
