"""Products with a weight inside a time loop: the weight packed once, its gradient formed once.

Two things make the textbook's loop slow. A product of few rows lays the weight out anew at every call; here a
weight is laid out for the machine's matrix kernels when it is first needed and again when it has changed
(`packed`). And every step forms a gradient as large as the weight and adds it up; inside `deferred_weight_grads()`
only the step's input and the gradient of its output are kept, and all of them are multiplied at once when the last
step has been gone back over. The same goes for products with a memory, whose "weight" belongs to a sentence.

The plain form is the ordinary product; it also takes over for gradients of gradients."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.dtypes import autocast_dtype
from regard.kernels.gemm.deferred import _loops
from regard.kernels.gemm.int8 import in_8_bits, in_few_bits, wide_enough
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.ops.double_backward import is_double_backward
from regard.kernels.ops.reduce import column_sums

CHUNK_ROWS = 320  # of a product that is cut

MOST_ROWS_IN_BLOCKS = 512  # in float32: of more, a product that lays its weight out itself is as fast


class Linear(nn.Linear):
    """`W x + b`, as in torch, for products that are taken step by step."""

    def forward(self, input: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """The product; inside `deferred_weight_grads()` the weight's gradient waits for the last step."""
        return linear(input, self.weight, self.bias)


def linear(
    input: Float[Tensor, "... I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None
) -> Float[Tensor, "... O"]:
    """`W x + b`; inside `deferred_weight_grads()` the weight's gradient waits for the last step."""
    if not dispatch.fused(input, weight):
        return F.linear(input, weight, bias)
    dtype = autocast_dtype(input)
    rows = input.reshape(-1, input.shape[-1])
    loop, recorded = _loops.current, torch.is_grad_enabled()
    if loop is not None and recorded and weight.requires_grad:
        made = loop.linear(rows, dtype, weight, bias)
    elif dispatch.on_gpu(input):
        made = F.linear(rows, weight, bias)  # in two dimensions: in three, torch copies the weight
    elif recorded and (weight.requires_grad or input.requires_grad):
        made = _Linear.apply(rows, dtype, weight, bias)
    else:
        made = _searching(rows, dtype, weight, bias)
    return made.reshape(*input.shape[:-1], weight.shape[0])


class _Linear(torch.autograd.Function):
    """The product of all steps at once."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, dtype: torch.dtype, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.rows, ctx.matrix = given.to(dtype), weight.to(dtype)
        ctx.biased = bias is not None
        ctx.save_for_backward(given, weight)
        made: Tensor = ctx.rows.new_empty(len(given), len(weight))
        multiply_into(made, ctx.rows, ctx.matrix.t(), None if bias is None else bias.to(dtype))
        return made

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        given, weight = ctx.saved_tensors
        if is_double_backward():
            back = (grad @ weight.to(grad.dtype)).to(given.dtype)
            d_weight = (grad.t() @ given.to(grad.dtype)).to(weight.dtype)
            return back, None, d_weight, grad.to(weight.dtype).sum(dim=0) if ctx.biased else None
        back, wanted = None, ctx.needs_input_grad[2]
        if ctx.needs_input_grad[0]:
            back = torch.empty_like(ctx.rows)
            multiply_into(back, grad, ctx.matrix)
            back = back.to(given.dtype)
        d_weight = (grad.t() @ ctx.rows).float() if wanted else None
        return back, None, d_weight, column_sums(grad) if wanted and ctx.biased else None


def multiply_into(made: Tensor, one: Tensor, other: Tensor, bias: Tensor | None = None) -> None:
    """Write `one · other + bias`, in chunks of rows where the matrix kernels would leave a thread idle.

    That is so for some hundreds of rows and columns in bfloat16 on two threads (oneDNN in torch 2.13: half as fast).
    """
    rows, columns = made.shape
    alone = made.dtype == torch.bfloat16 and made.is_cpu and torch.get_num_threads() == 2
    if not (alone and CHUNK_ROWS < rows < 5 * CHUNK_ROWS and 384 <= columns <= 768):
        chunks = [(made, one)]
    else:
        chunks = list(zip(*(matrix.chunk(-(-rows // CHUNK_ROWS)) for matrix in (made, one)), strict=True))
    for part, given in chunks:
        if bias is None:
            torch.mm(given, other, out=part)
        else:
            torch.addmm(bias, given, other, out=part)


def _searching(rows: Tensor, dtype: torch.dtype, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`rows · Wᵀ + b` of which nobody will ask for a gradient."""
    if in_few_bits(len(rows)) and wide_enough(weight):
        given = rows.contiguous() if rows.dtype == torch.float32 else rows.float()
        made: Tensor = torch.ops.quantized.linear_dynamic(given, in_8_bits(weight), True)
        return made if bias is None else made.add_(bias)
    if dtype != weight.dtype or len(rows) <= MOST_ROWS_IN_BLOCKS:
        return PackedWeight([weight], bias, dtype).forward(rows.to(dtype))
    return F.linear(rows, weight, bias)
