"""Products with a weight inside a time loop: the weight packed once, its gradient computed once.

Two things make the textbook's loop slow. A product of few rows packs the weight anew at every call; here a weight is
packed for the machine's matrix kernels when it is first used and again when it has changed (`packed`). And every step
forms a gradient as large as the weight and adds it up; `deferred_weight_grads()` computes it once (`deferred`).

The plain form is the ordinary product; it also computes gradients of gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from regard.errors import ShapeError
from regard.kernels import dispatch
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.deferred import current_loop
from regard.kernels.gemm.int8 import gains_from_int8, quantized_weight, runs_in_int8
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.ops.double_backward import is_double_backward
from regard.kernels.ops.reduce import column_sums

CHUNK_ROWS = 320  # of a product that is split
MAX_PACKED_ROWS = 512  # in float32: with more, a product that packs its weight itself is as fast


class Linear(nn.Linear):
    """`W x + b`, as in torch, for products that are taken step by step."""

    def forward(self, input: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """Return the product; `deferred_weight_grads()` defers the weight's gradient to the last step."""
        return linear(input, self.weight, self.bias)


def linear(
    input: Float[Tensor, "... I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None
) -> Float[Tensor, "... O"]:
    """Return `W x + b`; `deferred_weight_grads()` defers the weight's gradient to the last step.

    Raises ShapeError.
    """
    if not dispatch.fused(input, weight):
        return F.linear(input, weight, bias)
    if input.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear: expected inputs {weight.shape[1]} wide, got {input.shape[-1]}")
    dtype = autocast_dtype(input)
    rows = input.reshape(-1, input.shape[-1])
    loop, needs_graph = current_loop(), torch.is_grad_enabled()
    if loop is not None and weight.requires_grad:
        output = loop.linear(rows, dtype, weight, bias)
    elif dispatch.on_gpu(input):
        output = F.linear(rows, weight, bias)  # in two dimensions: in three, torch copies the weight
    elif needs_graph and (weight.requires_grad or input.requires_grad):
        output = _Linear.apply(rows, dtype, weight, bias)
    else:
        output = _linear_inference(rows, dtype, weight, bias)
    return output.reshape(*input.shape[:-1], weight.shape[0])


class _Linear(torch.autograd.Function):
    """`y = x Wᵀ + b` for all steps at once."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, dtype: torch.dtype, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.rows, ctx.matrix = input.to(dtype), weight.to(dtype)
        ctx.has_bias = bias is not None
        ctx.save_for_backward(input, weight)
        output: Tensor = ctx.rows.new_empty(len(input), len(weight))
        multiply_into(output, ctx.rows, ctx.matrix.t(), None if bias is None else bias.to(dtype))
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        input, weight = ctx.saved_tensors
        if is_double_backward():
            d_input = (grad @ weight.to(grad.dtype)).to(input.dtype)
            d_weight = (grad.t() @ input.to(grad.dtype)).to(weight.dtype)
            return d_input, None, d_weight, grad.to(weight.dtype).sum(dim=0) if ctx.has_bias else None
        d_input, needs_weight_grad = None, ctx.needs_input_grad[2]
        if ctx.needs_input_grad[0]:
            d_input = torch.empty_like(ctx.rows)
            multiply_into(d_input, grad, ctx.matrix)
            d_input = d_input.to(input.dtype)
        d_weight = (grad.t() @ ctx.rows).float() if needs_weight_grad else None
        return d_input, None, d_weight, column_sums(grad) if needs_weight_grad and ctx.has_bias else None


def multiply_into(output: Tensor, one: Tensor, other: Tensor, bias: Tensor | None = None) -> None:
    """Write `one · other + bias`, in chunks of rows where the matrix kernels would leave a thread idle.

    They do for some hundreds of rows and columns in bfloat16 on two threads (oneDNN in torch 2.13: half as fast).
    """
    num_rows, num_columns = output.shape
    on_two_threads = output.dtype == torch.bfloat16 and output.is_cpu and torch.get_num_threads() == 2
    if not (on_two_threads and CHUNK_ROWS < num_rows < 5 * CHUNK_ROWS and 384 <= num_columns <= 768):
        chunks = [(output, one)]
    else:
        num_chunks = -(-num_rows // CHUNK_ROWS)
        chunks = list(zip(output.chunk(num_chunks), one.chunk(num_chunks), strict=True))
    for output_rows, rows in chunks:
        if bias is None:
            torch.mm(rows, other, out=output_rows)
        else:
            torch.addmm(bias, rows, other, out=output_rows)


def _linear_inference(rows: Tensor, dtype: torch.dtype, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `rows · Wᵀ + b` without a gradient."""
    if runs_in_int8(len(rows)) and gains_from_int8(weight):
        float_rows = rows.contiguous() if rows.dtype == torch.float32 else rows.float()
        output: Tensor = torch.ops.quantized.linear_dynamic(float_rows, quantized_weight(weight), True)
        return output if bias is None else output.add_(bias)
    if dtype != weight.dtype or len(rows) <= MAX_PACKED_ROWS:
        return PackedWeight([weight], bias, dtype).forward(rows.to(dtype))
    return F.linear(rows, weight, bias)
