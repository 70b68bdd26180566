"""The loss of a chunk of logits, which become their gradient: a program processes a row."""

import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block


def softmax_minus_target(
    logits: Tensor, bias: Tensor, labels: Tensor, smoothing: float, losses: Tensor
) -> None:
    """Twin of numba's kernel."""
    rows, size = logits.shape
    width = block(size)
    _softmax_minus_target[(rows,)](
        logits, bias, labels, smoothing, losses, size, BLOCK=width, num_warps=8, **OPTIONS
    )


@triton.jit
def _softmax_minus_target(logits, bias, labels, smoothing, losses, size, BLOCK: tl.constexpr):
    """The formulas are those of numba's kernel; log Z is accumulated block by block (online softmax)."""
    row = tl.program_id(0).to(tl.int64)
    label = tl.load(labels + row)
    start = logits + row * size
    largest = tl.full((), -3.0e38, tl.float32)
    total = tl.full((), 0.0, tl.float32)  # Σ exp(z − largest so far)
    logits_sum = tl.full((), 0.0, tl.float32)
    target = tl.full((), 0.0, tl.float32)
    for first in range(0, size, BLOCK):
        v = first + tl.arange(0, BLOCK)
        inside = v < size
        x = tl.load(start + v, mask=inside, other=0.0).to(tl.float32)
        x += tl.load(bias + v, mask=inside, other=0.0).to(tl.float32)
        logits_sum += tl.sum(x, axis=0)
        target += tl.sum(tl.where(v == label, x, 0.0), axis=0)
        x = tl.where(inside, x, -3.0e38)
        maximum = tl.maximum(largest, tl.max(x, axis=0))
        total = total * tl.exp(largest - maximum) + tl.sum(tl.where(inside, tl.exp(x - maximum), 0.0), axis=0)
        largest = maximum
    has_label = label >= 0  # not NO_LABEL
    log_sum_exp = tl.log(total) + largest
    nll = log_sum_exp - target
    uniform_loss = log_sum_exp - logits_sum / size
    loss = (1 - smoothing) * nll + smoothing * uniform_loss
    tl.store(losses + row * 2, tl.where(has_label, loss, 0.0))
    tl.store(losses + row * 2 + 1, tl.where(has_label, nll, 0.0))
    # forward: loss = (1 − ε) (log Z − z_label) + ε (log Z − Σ_v z_v / V)
    for first in range(0, size, BLOCK):
        v = first + tl.arange(0, BLOCK)
        inside = v < size
        x = tl.load(start + v, mask=inside, other=0.0).to(tl.float32)
        x += tl.load(bias + v, mask=inside, other=0.0).to(tl.float32)
        d = tl.exp(x - largest) / total - smoothing / size - tl.where(v == label, 1 - smoothing, 0.0)
        tl.store(start + v, tl.where(has_label, d, 0.0), mask=inside)
