"""The product with the vocabulary and the loss, in chunks of rows, so that all logits are never held."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.compile import f32, kernel
from regard.kernels.dispatch import launcher
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.linear import multiply_into
from regard.kernels.gemm.packed import round_up
from regard.kernels.intrinsics import cast_like, exp, maximum, to_float32
from regard.kernels.ops.double_backward import double_backward, is_double_backward
from regard.kernels.ops.reduce import column_sums, transpose
from regard.kernels.shapes import expect_shape
from regard.kernels.threads import parallel_range

LOGIT_BYTES = (
    32_000_000  # of a chunk: enough rows for the matrix kernels, little memory whatever the vocabulary
)
# Every chunk packs the weight anew and reads and writes its gradient: in bfloat16 that takes as long as the products
# of some hundreds of rows.
MIN_ROWS = {torch.bfloat16: 1024}
DEFAULT_MIN_ROWS = 128
NO_LABEL = -100  # as in torch's own losses


def cross_entropy(
    combined: Float[Tensor, "N H"],
    weight: Float[Tensor, "V H"],
    bias: Float[Tensor, " V"],
    labels: Int[Tensor, " N"],
    smoothing: float = 0.0,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the loss with label smoothing and the negative log-likelihood, summed over rows; only the first has a
    gradient.

    The logits are `W h + b`. Label smoothing (Szegedy et al. 2016, section 7) spreads a share of the target's
    probability evenly over the vocabulary. Rows labelled NO_LABEL cost nothing. The fused form computes the gradient
    in the forward pass, chunk by chunk, and saves only its products with the weight and the rows. Raises ShapeError.
    """
    if not dispatch.fused(combined, weight, bias):
        total, nll = cross_entropy_plain(combined, weight, bias, labels, smoothing)
        return total, nll.detach()
    num_rows, size = combined.shape
    expect_shape("cross_entropy", "weight", weight, len(bias), size)
    expect_shape("cross_entropy", "labels", labels, num_rows)
    return _CrossEntropy.apply(combined, weight, bias, labels, smoothing)  # type: ignore[no-any-return]


def cross_entropy_plain(
    combined: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return loss and negative log-likelihood from all logits at once."""
    logits = F.linear(combined, weight, bias)
    log_probabilities = F.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    nll = F.nll_loss(log_probabilities, labels, reduction="sum", ignore_index=NO_LABEL)
    uniform_loss = -log_probabilities.mean(dim=-1).masked_fill(labels == NO_LABEL, 0.0).sum()
    return (1 - smoothing) * nll + smoothing * uniform_loss, nll


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, combined: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        dtype = autocast_dtype(weight)
        rows, row_labels = _pad_rows(combined, labels, dtype)
        matrix = weight.to(dtype)
        needs_grad = any(ctx.needs_input_grad[:3])
        d_rows, d_bias = torch.empty_like(rows), torch.zeros_like(bias)
        # (H, V): the matrix kernels are faster where the smaller factor is transposed
        d_weight: Tensor | None = None
        losses = torch.zeros(len(rows), 2, device=rows.device)
        on = launcher(rows)
        columns = _transposed(rows)
        min_rows = MIN_ROWS.get(dtype, DEFAULT_MIN_ROWS)
        for chunk in _chunks(len(rows), len(matrix) * matrix.element_size(), min_rows):
            logits = rows[chunk] @ matrix.t()
            inputs = map(on.view, (logits, bias, row_labels[chunk]))
            on.kernel(softmax_minus_target)(*inputs, smoothing, on.view(losses[chunk]))
            if needs_grad:
                d_logits = logits
                multiply_into(d_rows[chunk], d_logits, matrix)
                d_weight = _add_product(d_weight, columns[:, chunk], d_logits)
                d_bias += column_sums(d_logits)
        ctx.smoothing = smoothing
        ctx.save_for_backward(combined, weight, bias, labels, d_rows[: len(combined)], d_weight, d_bias)
        total, nll = losses.double().sum(dim=0).float()
        ctx.mark_non_differentiable(nll)
        return total, nll

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, labels, d_combined, d_weight, d_bias = ctx.saved_tensors
        if is_double_backward():
            plain = partial(cross_entropy_plain, labels=labels, smoothing=ctx.smoothing)
            nll_grad = torch.zeros_like(grad)
            return *double_backward(plain, inputs, (grad, nll_grad)), None, None
        d_weight = None if d_weight is None else _transposed(d_weight, grad)
        return _scaled(d_combined, grad), d_weight, d_bias * grad, None, None


def _pad_rows(combined: Tensor, labels: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the rows in a dtype, and their labels; in bfloat16 on a CPU padded by rows that cost nothing."""
    size = round_up(len(combined))
    if size == len(combined) or dtype != torch.bfloat16 or dispatch.on_gpu(combined):
        return combined.to(dtype), labels
    rows = combined.new_empty(size, combined.shape[1], dtype=dtype)
    rows[: len(combined)] = combined
    rows[len(combined) :] = 0
    return rows, F.pad(labels, (0, size - len(labels)), value=NO_LABEL)


def _chunks(num_rows: int, row_bytes: int, min_rows: int) -> Iterator[slice]:
    """Split rows into as few chunks of at most LOGIT_BYTES as possible, all of about the same size."""
    max_rows = max(LOGIT_BYTES // row_bytes, min_rows)
    size = -(-num_rows // max(-(-num_rows // max_rows), 1))
    if num_rows == round_up(num_rows):
        size = round_up(size)
    for start in range(0, num_rows, size or 1):
        yield slice(start, min(start + size, num_rows))


def _add_product(total: Tensor | None, one: Tensor, other: Tensor) -> Tensor:
    """Return `total + one · other` in float32; without a total the product in its own dtype."""
    if total is None:
        return one @ other
    return total.float().addmm_(one, other) if one.dtype == torch.float32 else total.float().add_(one @ other)


def _scaled(tensor: Tensor, factor: Tensor) -> Tensor:
    """Return a float32 copy of a matrix, times a number."""
    output = torch.empty_like(tensor, dtype=torch.float32)
    on = launcher(tensor)
    on.kernel(scale)(on.view(tensor), _kernel_scalar(factor), on.view(output))
    return output


def _transposed(tensor: Tensor, factor: Tensor | None = None) -> Tensor:
    """Return a transposed copy of a matrix; with a factor in float32, times that."""
    dtype = tensor.dtype if factor is None else torch.float32
    output = torch.empty(tensor.shape[::-1], dtype=dtype, device=tensor.device)
    on = launcher(tensor)
    on.kernel(transpose)(on.view(tensor), 1.0 if factor is None else _kernel_scalar(factor), on.view(output))
    return output


def _kernel_scalar(number: Tensor) -> Any:
    """Return a number as kernels take it; on a GPU it stays a tensor, for reading it would wait for the GPU."""
    return number if dispatch.on_gpu(number) else float(number)


@kernel
def scale(input, factor, output):  # type: ignore[no-untyped-def]
    """output (N, W), float32 = factor · input (N, W)."""
    for r in parallel_range(len(input)):
        row, out = input[r], output[r]
        for j in range(len(row)):
            out[j] = to_float32(row[j]) * f32(factor)


@kernel
def softmax_minus_target(logits, bias, labels, smoothing, losses):  # type: ignore[no-untyped-def]
    """losses (N, 2) = loss with label smoothing ε, and without; in place, logits (N, V) become their gradient:

        z = logits + bias (V,)        log Z = log Σ_v exp(z_v)
        nll = log Z − z_label         loss = (1 − ε) nll + ε (log Z − Σ_v z_v / V)
        d_z = softmax(z) − (1 − ε) onehot(label) − ε / V

    Rows with a negative label (N,) have no loss and no gradient.
    """
    num_rows, size = logits.shape
    uniform = f32(smoothing) / f32(size)
    e = np.empty(size, np.float32)
    for r in parallel_range(num_rows):
        row = logits[r]
        if labels[r] < 0:
            for v in range(size):
                row[v] = cast_like(row, f32(0))
            losses[r, 0] = losses[r, 1] = f32(0)
            continue
        largest, logits_sum = f32(-3.0e38), f32(0)
        for v in range(size):
            e[v] = to_float32(row[v]) + bias[v]
        for v in range(size):
            logits_sum += e[v]
            largest = maximum(largest, e[v])
        target = e[labels[r]]
        total = f32(0)
        for v in range(size):
            exponential = exp(e[v] - largest)
            e[v] = exponential
            total += exponential
        log_sum_exp = f32(np.log(total)) + largest
        nll = log_sum_exp - target
        uniform_loss = log_sum_exp - logits_sum / f32(size)
        losses[r, 0] = (f32(1) - f32(smoothing)) * nll + f32(smoothing) * uniform_loss
        losses[r, 1] = nll
        # forward: loss = (1 − ε) (log Z − z_label) + ε (log Z − Σ_v z_v / V)
        inverse = f32(1) / total
        e[labels[r]] -= total * (f32(1) - f32(smoothing))
        for v in range(size):
            row[v] = cast_like(row, e[v] * inverse - uniform)
