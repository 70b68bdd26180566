"""Time the products of a time loop: with our blocks, with oneDNN's packed weights through torch, and with `F.linear`.

Each in microseconds, from arrays or tensors to what a kernel reads next; weights are packed beforehand. Ratios are
relative to the blocks. Medians, the three in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from machine import ForeignCpu, machine
from torch.nn import functional as F

from regard.kernels import blocks
from regard.kernels.compile import array, match_threads
from regard.kernels.gemm.packed import PackedWeight

ROWS = (5, 16, 64, 320)
SHAPES = (
    (256, 1024),
    (512, 512),
    (1024, 2048),
)  # inputs, outputs of configuration A's encoder, attention, decoder


def ways(rows: int, inputs: int, outputs: int, dtype: torch.dtype) -> list[Callable[[], object]]:
    """Return three ways to compute one product."""
    weight, bias = torch.randn(outputs, inputs) / inputs**0.5, torch.randn(outputs)
    low, low_bias, x = weight.to(dtype), bias.to(dtype), torch.randn(rows, inputs).to(dtype)
    packed, output = PackedWeight([weight], bias, dtype), array(torch.empty(rows, outputs, dtype=dtype))
    reordered = torch.ops.mkldnn._reorder_linear_weight(low, rows)
    pointwise, x_array = torch.ops.mkldnn._linear_pointwise.default, array(x)
    return [
        lambda: packed.forward_into(x_array, output),
        lambda: array(pointwise(x, reordered, low_bias, "none", [], "")),
        lambda: array(F.linear(x, low, low_bias)),
    ]


def microseconds(some: list[Callable[[], object]], rounds: int) -> list[float]:
    """Time the ways in turn, and return their medians."""
    taken: list[list[float]] = [[] for _ in some]
    for turn in range(rounds + rounds // 10):
        for way, times in zip(some, taken, strict=True):
            began = time.perf_counter()
            way()
            if turn >= rounds // 10:
                times.append(time.perf_counter() - began)
    return [statistics.median(times) * 1e6 for times in taken]


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=200)
    options = arguments.parse_args()
    foreign = ForeignCpu()
    match_threads()
    print(f"{machine()}\n")
    print("| numbers | rows | inputs | outputs | blocks, µs | packed | | ordinary | |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for dtype in (torch.bfloat16, torch.float32):
        if not blocks.available(dtype):
            print(f"torch has no micro-kernels for {dtype} here")
            continue
        for rows in ROWS:
            for inputs, outputs in SHAPES:
                ours, *others = microseconds(ways(rows, inputs, outputs, dtype), options.rounds)
                ratios = " | ".join(f"{other:,.0f} | {other / ours:.2f}×" for other in others)
                name = str(dtype).removeprefix("torch.")
                print(f"| {name} | {rows} | {inputs} | {outputs} | {ours:,.0f} | {ratios} |", flush=True)
    print(f"\nOthers took {foreign.share():.0%} of the CPU.")


if __name__ == "__main__":
    main()
