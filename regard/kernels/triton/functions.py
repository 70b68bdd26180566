"""Functions that the kernels are written with, and the sizes of what a program processes."""

import triton
import triton.language as tl

TILE = 4096  # elements that a program holds at a time: 32 a thread of four warps
OPTIONS = {
    "enable_fp_fusion": True
}  # of every launch: a · b + c is rounded once; Triton 3.9 warns of the default


@triton.jit
def sigmoid(x):
    """Return 1 / (1 + e^-x)."""
    return 1 / (1 + tl.exp(-x))


@triton.jit
def tanh(x):
    """Return tanh x by the sigmoid, without a library, so that it runs wherever Triton does; off by 1e-8s near 0."""
    return 2 / (1 + tl.exp(-2 * x)) - 1


def block(size: int, limit: int = TILE) -> int:
    """Return the power of two that holds `size` elements, or `limit`, itself one."""
    return max(min(int(triton.next_power_of_2(size)), limit), 1)


def tile(rows: int, columns: int) -> tuple[int, int]:
    """Return rows and columns of a tile that holds all rows, and as many columns as TILE leaves."""
    tile_rows = block(rows, limit=2**20)
    return tile_rows, block(columns, limit=max(TILE // tile_rows, 1))
