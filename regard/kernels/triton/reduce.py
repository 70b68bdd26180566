"""Sums and copies, by torch's own operations, which do as well, and the gradient of a tanh."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block


def sum_bands(matrix: Tensor, sums: Tensor) -> None:
    """Twin of numba's kernel, all rows in one band."""
    sums[0].add_(matrix.sum(dim=0, dtype=torch.float32))


def sum_gradients(
    kept: Tensor,
    back: Tensor,
    start: int,
    num_more: int,
    first: Tensor,
    first_start: int,
    second: Tensor,
    second_start: int,
    total: Tensor,
) -> None:
    """Twin of numba's kernel."""
    width = total.shape[1]
    torch.add(kept, back[:, start : start + width], out=total)
    for part, begin in [(first, first_start), (second, second_start)][:num_more]:
        total.add_(part[:, begin : begin + width])


def apply_mask(input: Tensor, mask: Tensor, output: Tensor) -> None:
    """Twin of numba's kernel."""
    width = mask.shape[1]
    torch.mul(input[:, :width], mask, out=output[:, :width])


def scale(input: Tensor, factor: Tensor, output: Tensor) -> None:
    """Twin of numba's kernel; `factor` stays on the GPU, for reading it would wait for the GPU."""
    output.copy_(input).mul_(factor)


def transpose(matrix: Tensor, factor: Tensor | float, output: Tensor) -> None:
    """Twin of numba's kernel."""
    output.copy_(matrix.t()).mul_(factor)


def tanh_backward(d_output: Tensor, more: Tensor, output: Tensor, d_input: Tensor) -> None:
    """Twin of numba's kernel."""
    rows, size = d_input.shape
    width = block(size, 1024)
    strides = d_output.stride(0), more.stride(0), output.stride(0)
    _tanh_backward[(rows, triton.cdiv(size, width))](
        d_output, more, output, d_input, *strides, size, BLOCK=width, **OPTIONS
    )


@triton.jit
def _tanh_backward(
    d_output,
    more,
    output,
    d_input,
    d_output_stride,
    more_stride,
    output_stride,
    size,
    BLOCK: tl.constexpr,
):
    """d_input = (d_output + more) (1 − output²). Forward: `output = tanh(input)`."""
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    d = tl.load(d_output + row * d_output_stride + j, mask=inside, other=0.0).to(tl.float32)
    d += tl.load(more + row * more_stride + j, mask=inside, other=0.0).to(tl.float32)
    y = tl.load(output + row * output_stride + j, mask=inside, other=0.0).to(tl.float32)
    tl.store(d_input + row * size + j, d * (1 - y * y), mask=inside)
