"""Dropout whose mask is a function of a seed and of the index: it is not saved, and all threads compute it.

torch's own draws one number after another on the CPU. The seed comes from torch's generator: setting or restoring its
state reproduces the masks, in both forms.
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

BLOCK = 4096  # elements that a thread processes at a time


def dropout(states: Tensor, p: float) -> Tensor:
    """Zero each element with probability `p` and divide the others by 1 − p.

    Source: Srivastava et al. 2014.
    """
    if states.device.type != "cpu":
        return F.dropout(states, p)
    seed = int(torch.randint(2**62, ()))
    if dispatch.by_numba(states):
        return _Dropout.apply(states, p, seed)  # type: ignore[no-any-return]
    return dropout_plain(states, p, seed)


def dropout_plain(states: Tensor, p: float, seed: int) -> Tensor:
    """Hash every index to 32 bits, and keep the elements whose hash is at least p · 2^32."""
    low, high = _halves(seed)
    x = (torch.arange(states.numel()) * 0x9E3779B9 + low) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15) ^ high) * 0x846CA68B) & 0xFFFFFFFF
    keep = (x ^ (x >> 16)) >= _threshold(p)
    return states * keep.reshape(states.shape).to(states.dtype) / (1 - p)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, p: float, seed: int) -> Tensor:
        ctx.p, ctx.seed = p, seed
        return _dropout(states, p, seed)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # forward: output = mask ⊙ states / (1 − p), so the gradient gets the same mask
        apply_mask = dropout_plain if is_double_backward() else _dropout
        return apply_mask(grad, ctx.p, ctx.seed), None, None


def _dropout(states: Tensor, p: float, seed: int) -> Tensor:
    states = states.contiguous()
    output = torch.empty_like(states)
    dropout_forward(
        array(states.view(-1)), array(output.view(-1)), _threshold(p), 1 / (1 - p), *_halves(seed)
    )
    return output


def _threshold(p: float) -> int:
    return min(round(p * 2**32), 2**32 - 1)


def _halves(seed: int) -> tuple[int, int]:
    return seed & 0xFFFFFFFF, seed >> 32


@kernel
def dropout_forward(states, output, threshold, scale, low, high):  # type: ignore[no-untyped-def]
    """output (N,) = states (N,) · scale where hash(index; low, high) ≥ threshold, else 0.

    `low` and `high` are the halves of the seed. The backward pass is the same kernel on the gradient.
    """
    size, factor = len(states), f32(scale)
    for block in parallel_range((size + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        values, out = states[first : first + BLOCK], output[first : first + BLOCK]
        for j in range(len(values)):
            mask = dropout_scale(first, j, low, high, threshold, factor)
            out[j] = cast_like(out, to_float32(values[j]) * mask)
