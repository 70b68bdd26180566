"""What torch's own operations do as well, and the gradient of a tanh."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block


def sum_bands(matrix: Tensor, sums: Tensor) -> None:
    """The twin of numba's, all in one band."""
    sums[0].add_(matrix.sum(dim=0, dtype=torch.float32))


def add_parts(
    kept: Tensor,
    back: Tensor,
    start: int,
    more: int,
    one: Tensor,
    first: int,
    other: Tensor,
    second: int,
    total: Tensor,
) -> None:
    """The twin of numba's."""
    width = total.shape[1]
    torch.add(kept, back[:, start : start + width], out=total)
    for part, begin in [(one, first), (other, second)][:more]:
        total.add_(part[:, begin : begin + width])


def masked(given: Tensor, mask: Tensor, made: Tensor) -> None:
    """The twin of numba's."""
    width = mask.shape[1]
    torch.mul(given[:, :width], mask, out=made[:, :width])


def scale(given: Tensor, by: Tensor, made: Tensor) -> None:
    """The twin of numba's; `by` stays on the GPU, for to ask for it is to wait."""
    made.copy_(given).mul_(by)


def transpose(matrix: Tensor, by: Tensor | float, turned: Tensor) -> None:
    """The twin of numba's."""
    turned.copy_(matrix.t()).mul_(by)


def tanh_back(d_made: Tensor, more: Tensor, made: Tensor, d_given: Tensor) -> None:
    """The twin of numba's."""
    rows, size = d_given.shape
    width = block(size, 1024)
    apart = d_made.stride(0), more.stride(0), made.stride(0)
    _tanh_back[(rows, triton.cdiv(size, width))](
        d_made, more, made, d_given, *apart, size, BLOCK=width, **OPTIONS
    )


@triton.jit
def _tanh_back(d_made, more, made, d_given, of_d_made, of_more, of_made, size, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    d = tl.load(d_made + row * of_d_made + j, mask=inside, other=0.0).to(tl.float32)
    d += tl.load(more + row * of_more + j, mask=inside, other=0.0).to(tl.float32)
    y = tl.load(made + row * of_made + j, mask=inside, other=0.0).to(tl.float32)
    tl.store(d_given + row * size + j, d * (1 - y * y), mask=inside)
