"""Products of a time loop: by our packed blocks, by oneDNN's packed weights through torch, and by torch's own linear.

Times in microseconds, from arrays or tensors to what the next kernel reads; the weight was packed before. Ratios are
to the blocks. The three are interleaved; medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from machine import ForeignCpu, machine
from torch.nn import functional as F

from regard.kernels import fused
from regard.kernels.compile import array
from regard.kernels.gemm import brgemm
from regard.kernels.gemm.packed import PackedWeight

ROWS = (5, 16, 64, 320)
# inputs and outputs of configuration A's encoder, attention and decoder
SHAPES = ((256, 1024), (512, 512), (1024, 2048))


def variants(
    num_rows: int, input_size: int, output_size: int, dtype: torch.dtype
) -> list[Callable[[], object]]:
    """Return the same product three times: by blocks, by oneDNN's packed weights, by torch's own linear."""
    weight, bias = torch.randn(output_size, input_size) / input_size**0.5, torch.randn(output_size)
    cast_weight, cast_bias = weight.to(dtype), bias.to(dtype)
    rows = torch.randn(num_rows, input_size).to(dtype)
    blocks, output = (
        PackedWeight([weight], bias, dtype),
        array(torch.empty(num_rows, output_size, dtype=dtype)),
    )
    reordered = torch.ops.mkldnn._reorder_linear_weight(cast_weight, num_rows)
    pointwise, row_array = torch.ops.mkldnn._linear_pointwise.default, array(rows)
    return [
        lambda: blocks.forward_into(row_array, output),
        lambda: array(pointwise(rows, reordered, cast_bias, "none", [], "")),
        lambda: array(F.linear(rows, cast_weight, cast_bias)),
    ]


def median_microseconds(functions: Sequence[Callable[[], object]], num_rounds: int) -> list[float]:
    """Return the median time of each function; they are called in turn, after a tenth as many rounds of warm-up."""
    times: list[list[float]] = [[] for _ in functions]
    num_warmup = num_rounds // 10
    for i in range(num_warmup + num_rounds):
        for function, function_times in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if i >= num_warmup:
                function_times.append(time.perf_counter() - start)
    return [statistics.median(function_times) * 1e6 for function_times in times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="timed calls of each product")
    options = parser.parse_args()
    foreign = ForeignCpu()
    if not fused(torch.empty(0)):
        raise SystemExit("the fused kernels do not run here; `regard info` says why")
    print(f"{machine()}\n")
    print("| dtype | rows | inputs | outputs | blocks, µs | oneDNN packed | | torch linear | |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for dtype in (torch.bfloat16, torch.float32):
        if not brgemm.available(dtype):
            print(f"torch has no micro-kernels for {dtype} here")
            continue
        for num_rows in ROWS:
            for sizes in SHAPES:
                ours, *others = median_microseconds(variants(num_rows, *sizes, dtype), options.rounds)
                ratios = " | ".join(f"{other:,.0f} | {other / ours:.2f}×" for other in others)
                name, (input_size, output_size) = str(dtype).removeprefix("torch."), sizes
                row = f"| {name} | {num_rows} | {input_size} | {output_size} | {ours:,.0f} | {ratios} |"
                print(row, flush=True)
    print(f"\nOthers took {foreign.share():.0%} of the CPU.")


if __name__ == "__main__":
    main()
