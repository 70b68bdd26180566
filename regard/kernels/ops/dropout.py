"""Dropout whose mask is a function of a seed and of the place, so that it need not be kept, and all threads draw it.

torch's own draws one number after another on the CPU. The seed comes from torch's generator: whoever sets or restores
that gets the same masks, in both forms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.compile import array, f32, kernel
from regard.kernels.intrinsics import cast_like, dropout_scale, to_float32
from regard.kernels.ops.double_backward import is_double_backward
from regard.kernels.threads import parallel_range

BLOCK = 4096  # numbers that a thread takes at a time


def dropout(states: Tensor, share: float) -> Tensor:
    """The states with a `share` of the numbers 0 and the others divided by 1 − share.

    Source: Srivastava et al. 2014.
    """
    if states.device.type != "cpu":
        return F.dropout(states, share)
    seed = int(torch.randint(2**62, ()))
    if dispatch.by_numba(states):
        return _Dropout.apply(states, share, seed)  # type: ignore[no-any-return]
    return dropout_plain(states, share, seed)


def dropout_plain(states: Tensor, share: float, seed: int) -> Tensor:
    """A number below 2^32 for every place, and what stays is where it is not below `share` of that."""
    low, high = _halves(seed)
    x = (torch.arange(states.numel()) * 0x9E3779B9 + low) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15) ^ high) * 0x846CA68B) & 0xFFFFFFFF
    stays = (x ^ (x >> 16)) >= _threshold(share)
    return states * stays.reshape(states.shape).to(states.dtype) / (1 - share)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, share: float, seed: int) -> Tensor:
        ctx.share, ctx.seed = share, seed
        return _masked(states, share, seed)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        masked = dropout_plain if is_double_backward() else _masked
        return masked(grad, ctx.share, ctx.seed), None, None


def _masked(states: Tensor, share: float, seed: int) -> Tensor:
    states = states.contiguous()
    made = torch.empty_like(states)
    _drop(array(states.view(-1)), array(made.view(-1)), _threshold(share), 1 / (1 - share), *_halves(seed))
    return made


def _threshold(share: float) -> int:
    return min(round(share * 2**32), 2**32 - 1)


def _halves(seed: int) -> tuple[int, int]:
    return seed & 0xFFFFFFFF, seed >> 32


@kernel
def _drop(states, made, threshold, scale, low, high):  # type: ignore[no-untyped-def]
    size, up = len(states), f32(scale)
    for block in parallel_range((size + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        given, out = states[first : first + BLOCK], made[first : first + BLOCK]
        for j in range(len(given)):
            out[j] = cast_like(out, to_float32(given[j]) * dropout_scale(first, j, low, high, threshold, up))
