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
from regard.kernels.threads import parallel_range

LOGIT_BYTES = (
    32_000_000  # in a chunk: rows enough for the matrix kernels, little memory whatever the vocabulary
)
# the weight is laid out anew for every chunk, and its gradient gone through: in bfloat16 that takes as long as the
# products of some hundreds of rows
LEAST_ROWS = {torch.bfloat16: 1024}
LEAST_ROWS_OTHERWISE = 128
NO_LABEL = -100  # as torch's own losses have it


def cross_entropy(
    combined: Float[Tensor, "N H"],
    weight: Float[Tensor, "V H"],
    bias: Float[Tensor, " V"],
    labels: Int[Tensor, " N"],
    smoothing: float = 0.0,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Summed over N rows: the loss with label smoothing, which carries the gradient, and the negative log-likelihood.

    The logits are `W h + b`. Label smoothing: Szegedy et al. 2016, section 7: its share of the target's probability
    is spread evenly over the vocabulary. A row labelled NO_LABEL costs nothing. The fused form computes the gradient
    in the forward pass, chunk by chunk, and keeps only its products with the weight and the rows.
    """
    if not dispatch.fused(combined, weight, bias):
        total, nll = cross_entropy_plain(combined, weight, bias, labels, smoothing)
        return total, nll.detach()
    return _CrossEntropy.apply(combined, weight, bias, labels, smoothing)  # type: ignore[no-any-return]


def cross_entropy_plain(
    combined: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """All logits at once."""
    logits = F.linear(combined, weight, bias)
    log_probabilities = F.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    nll = F.nll_loss(log_probabilities, labels, reduction="sum", ignore_index=NO_LABEL)
    spread = -log_probabilities.mean(dim=-1).masked_fill(labels == NO_LABEL, 0.0).sum()
    return (1 - smoothing) * nll + smoothing * spread, nll


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, combined: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        dtype = autocast_dtype(weight)
        rows, places = _evened(combined, labels, dtype)
        matrix = weight.to(dtype)
        wanted = any(ctx.needs_input_grad[:3])
        d_rows, d_bias = torch.empty_like(rows), torch.zeros_like(bias)
        d_weight: Tensor | None = (
            None  # (H, V): the matrix kernels are quick where the smaller factor is turned
        )
        losses = torch.zeros(len(rows), 2, device=rows.device)
        on = launcher(rows)
        columns = _turned(rows)
        for part in _chunks(
            len(rows), len(matrix) * matrix.element_size(), LEAST_ROWS.get(dtype, LEAST_ROWS_OTHERWISE)
        ):
            logits = rows[part] @ matrix.t()
            given = map(on.view, (logits, bias, places[part]))
            on.kernel(_softmax_minus_target)(*given, smoothing, on.view(losses[part]))
            if wanted:
                multiply_into(d_rows[part], logits, matrix)
                d_weight = _plus_product(d_weight, columns[:, part], logits)
                d_bias += column_sums(logits)
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
            nothing = torch.zeros_like(grad)  # of the negative log-likelihood
            return *double_backward(plain, inputs, (grad, nothing)), None, None
        d_weight = None if d_weight is None else _turned(d_weight, grad)
        return _scaled(d_combined, grad), d_weight, d_bias * grad, None, None


def _evened(combined: Tensor, labels: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The rows in this type, and their labels; in bfloat16 on a CPU evened, by rows that cost nothing."""
    size = round_up(len(combined))
    if size == len(combined) or dtype != torch.bfloat16 or dispatch.on_gpu(combined):
        return combined.to(dtype), labels
    rows = combined.new_empty(size, combined.shape[1], dtype=dtype)
    rows[: len(combined)] = combined
    rows[len(combined) :] = 0
    return rows, F.pad(labels, (0, size - len(labels)), value=NO_LABEL)


def _chunks(rows: int, row_bytes: int, least: int) -> Iterator[slice]:
    """Parts of the rows, as few and as even as they can be."""
    most = max(LOGIT_BYTES // row_bytes, least)
    size = -(-rows // max(-(-rows // most), 1))
    if rows == round_up(rows):
        size = round_up(size)
    for start in range(0, rows, size or 1):
        yield slice(start, min(start + size, rows))


def _plus_product(total: Tensor | None, one: Tensor, other: Tensor) -> Tensor:
    """The total and the product; the first is left as the matrix kernels gave it."""
    if total is None:
        return one @ other
    return total.float().addmm_(one, other) if one.dtype == torch.float32 else total.float().add_(one @ other)


def _scaled(tensor: Tensor, scale: Tensor) -> Tensor:
    """In float32, times a number."""
    made = torch.empty_like(tensor, dtype=torch.float32)
    on = launcher(tensor)
    on.kernel(_scale)(on.view(tensor), _number(scale), on.view(made))
    return made


def _turned(tensor: Tensor, scale: Tensor | None = None) -> Tensor:
    """Its columns as rows; in float32 if times a number."""
    dtype = tensor.dtype if scale is None else torch.float32
    made = torch.empty(tensor.shape[::-1], dtype=dtype, device=tensor.device)
    on = launcher(tensor)
    on.kernel(transpose)(on.view(tensor), 1.0 if scale is None else _number(scale), on.view(made))
    return made


def _number(scale: Tensor) -> Any:
    """A number as loops take it; that on a GPU stays there, for to ask for it is to wait."""
    return scale if dispatch.on_gpu(scale) else float(scale)


@kernel
def _scale(given, scale, made):  # type: ignore[no-untyped-def]
    for r in parallel_range(len(given)):
        row, out = given[r], made[r]
        for j in range(len(row)):
            out[j] = to_float32(row[j]) * f32(scale)


@kernel
def _softmax_minus_target(logits, bias, labels, smoothing, losses):  # type: ignore[no-untyped-def]
    """Losses with and without smoothing of every row; the logits become their gradient."""
    rows, size = logits.shape
    even = f32(smoothing) / f32(size)
    e = np.empty(size, np.float32)
    for r in parallel_range(rows):
        row = logits[r]
        if labels[r] < 0:
            for v in range(size):
                row[v] = cast_like(row, f32(0))
            losses[r, 0] = losses[r, 1] = f32(0)
            continue
        most, logits_sum = f32(-3.0e38), f32(0)
        for v in range(size):
            e[v] = to_float32(row[v]) + bias[v]
        for v in range(size):
            logits_sum += e[v]
            most = maximum(most, e[v])
        target = e[labels[r]]
        total = f32(0)
        for v in range(size):
            p = exp(e[v] - most)
            e[v] = p
            total += p
        log_total = f32(np.log(total)) + most
        nll = log_total - target
        spread = log_total - logits_sum / f32(size)
        losses[r, 0] = (f32(1) - f32(smoothing)) * nll + f32(smoothing) * spread
        losses[r, 1] = nll
        scale = f32(1) / total
        e[labels[r]] -= total * (f32(1) - f32(smoothing))
        for v in range(size):
            row[v] = cast_like(row, e[v] * scale - even)
