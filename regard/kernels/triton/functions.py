"""What the kernels are written with."""

import triton
import triton.language as tl

TILE = 4096  # numbers that a program holds at a time: 32 a thread of four warps
OPTIONS = {
    "enable_fp_fusion": True
}  # of every launch: a · b + c rounded once; Triton 3.9 warns of the default


@triton.jit
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + tl.exp(-x))


@triton.jit
def tanh(x):
    """By the sigmoid; without a library, so that it runs wherever Triton does. Off by a few 1e-8 near 0."""
    return 2 / (1 + tl.exp(-2 * x)) - 1


def block(size: int, most: int = TILE) -> int:
    """The power of two that holds `size` numbers, or `most`, itself one."""
    return max(min(int(triton.next_power_of_2(size)), most), 1)


def tile(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of a tile that holds all of the rows, and as many columns as leave room for them."""
    held = block(rows, most=2**20)
    return held, block(columns, most=max(TILE // held, 1))
