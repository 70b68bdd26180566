"""How the cost of training and translating grows: seconds and memory, with expected and measured exponents.

Source length, vocabulary, batch and layers vary for a training step of configuration A, the beam for a translated
batch; all lengths are 16 tokens unless stated. The expected exponent of time follows from the work of a step at this
machine's speeds, which are measured first: floating-point operations of products, bytes of weights that the optimiser
reads and writes, and numbers whose tanh the attention scores take. That of memory follows from the numbers that must
be kept (weights, gradients, Adam's moments, what the backward pass needs, but no (T, S, A) tensor and no logits of
all tokens). The measured exponent is the slope of a straight line through the logarithms. Below the expected one,
part of the cost does not depend on the size, such as a loop's overhead; above it, something is wrong.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from comparison import Measured, compare, verdict
from machine import machine
from speed import ours
from task import BEAM, END, TRAIN, Shape, Task

from regard import kernels

LENGTH, SENTENCES = 16, 64
# over all weights in a step: Adam reads 4 and writes 3; gradient written, its norm read, weights cast
PASSES = 12
CURVES = {
    "source length": [8, 16, 32, 64, 128],
    "vocabulary": [8_000, 16_000, 32_000, 64_000],
    "batch": [16, 32, 64, 128, 256],
    "layers": [1, 2, 4],
    "beam": [1, 2, 4, 8],
}


def task_of(curve: str, value: int) -> Task:
    """Return configuration A with one size changed."""
    shape = Shape()
    if curve in ("vocabulary", "layers"):
        shape = replace(shape, **{curve: value})
    source = value if curve == "source length" else LENGTH
    sentences = value if curve == "batch" else SENTENCES
    chance = random.Random(1)

    def ids(length: int) -> list[int]:
        return [*(chance.randrange(END + 1, shape.vocabulary) for _ in range(length - 1)), END]

    batch = [(ids(source), ids(LENGTH)) for _ in range(sentences)]
    kind, beam = (BEAM, value) if curve == "beam" else (TRAIN, 1)
    return Task(f"{curve} {value}", kind, [batch], shape, beam)


@dataclass(frozen=True)
class Speeds:
    """What this machine does per second: operations of a large product, bytes copied, numbers of additive scores."""

    operations: float
    bytes: float
    scores: float

    @staticmethod
    def measure() -> Speeds:
        """Measure each speed as the median of a few runs."""
        low = torch.bfloat16 if kernels.cpu_bfloat16_units() else torch.float32
        rows, weight = torch.randn(1024, 512).to(low), torch.randn(8000, 512).to(low)
        block, copy = torch.zeros(2**26), torch.zeros(2**26)
        query, keys, v = torch.randn(64, 8, 512), torch.randn(64, 16, 512), torch.randn(512)
        return Speeds(
            2 * rows.numel() * len(weight) / _seconds(lambda: rows @ weight.t()),
            2 * 4 * block.numel() / _seconds(lambda: copy.copy_(block)),
            query.shape[1] * keys.numel() / _seconds(lambda: kernels.additive(query, keys, v)),
        )

    def __str__(self) -> str:
        return (
            f"{self.operations / 1e9:,.0f} GFLOP/s in products, {self.bytes / 1e9:,.1f} GB/s, "
            f"{self.scores / 1e9:,.1f} billion numbers of additive scores a second"
        )


@torch.no_grad()
def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(12):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[2:])


def least_seconds(speeds: Speeds, task: Task) -> float:
    """Return the least time that a batch can take at these speeds."""
    shape, rows, source, target = _sizes(task)
    scores = rows * source * target * (shape.attention + 2 * shape.encoder)
    if task.kind == BEAM:
        products = weights(shape) - 2 * shape.vocabulary * shape.embedding
        back, moved = 1, 2 * products * target  # in bfloat16, at every step
    else:
        back, moved = 3, 4 * weights(shape) * PASSES  # a backward pass is two more of everything
    return back * (operations(task) / speeds.operations + scores / speeds.scores) + moved / speeds.bytes


def operations(task: Task) -> float:
    """Count multiplications and additions of the forward pass; a training step takes three times as many."""
    shape, rows, source, target = _sizes(task)
    memory = 2 * shape.encoder
    below = [shape.embedding, *[memory] * (shape.layers - 1)]
    encoder = (
        sum(2 * 4 * shape.encoder * (width + shape.encoder) for width in below) + memory * shape.attention
    )
    first = 4 * shape.decoder * (shape.embedding + 2 * shape.decoder)
    others = (shape.layers - 1) * 4 * shape.decoder * 2 * shape.decoder
    attention = shape.decoder * shape.attention + source * (shape.attention + memory)
    combine = (memory + shape.decoder) * shape.decoder
    decoder = first + others + attention + combine + shape.decoder * shape.vocabulary
    return 2.0 * (len(task.batches[0]) * source * encoder + rows * target * decoder)


def weights(shape: Shape) -> int:
    """Count the model's weights, but for a few."""
    embeddings = 2 * shape.vocabulary * shape.embedding + shape.vocabulary * shape.decoder
    return embeddings + shape.layers * (16 * shape.encoder**2 + 8 * shape.decoder**2)


def numbers_kept(task: Task) -> float:
    """Count the numbers in memory at the peak of a training step, or the weights and states of a translated batch."""
    shape, rows, source, target = _sizes(task)
    memory = 2 * shape.encoder
    if task.kind == BEAM:
        return float(weights(shape) + rows * (shape.vocabulary + 2 * shape.layers * shape.decoder))
    read = shape.embedding + shape.layers * 6 * memory + shape.attention
    written = shape.embedding + shape.layers * 6 * shape.decoder + 3 * shape.decoder + source
    return float(4 * weights(shape) + rows * (source * read + target * written))


def _sizes(task: Task) -> tuple[Shape, int, int, int]:
    """Return the shape, the rows decoded at once, the source and the target length."""
    source, target = task.batches[0][0]
    rows = len(task.batches[0]) * (task.beam if task.kind == BEAM else 1)
    return task.shape, rows, len(source), len(target)


def exponent(values: Sequence[int], costs: Sequence[float]) -> float:
    """Fit cost = c · value^p, and return p."""
    return float(np.polyfit(np.log(values), np.log(costs), 1)[0])


def show(curve: str, values: Sequence[int], measured: Sequence[Measured], speeds: Speeds) -> None:
    """Print a line for each value, and the exponents."""
    tasks = [one.task for one in measured]
    for value, one in zip(values, measured, strict=True):
        milliseconds = 1000 * statistics.median(seconds[0] for seconds in one.rounds)
        print(
            f"{curve:<14} {value:>7,} {one.rate:>10,.0f} tokens/s {milliseconds:>9,.1f} ms "
            f"{_grown(one) / 1e6:>8,.0f} MB more than at the start"
        )

    def line(what: str, expected: Callable[[Task], float], found: Callable[[Measured], float]) -> None:
        slopes = (
            exponent(values, [expected(task) for task in tasks]),
            exponent(values, list(map(found, measured))),
        )
        print(f"{curve:<14} {what}: expected exponent {slopes[0]:.2f}, measured {slopes[1]:.2f}")

    line(
        "time",
        partial(least_seconds, speeds),
        lambda one: statistics.median(seconds[0] for seconds in one.rounds),
    )
    line("memory", numbers_kept, _grown)
    print(flush=True)


def _grown(one: Measured) -> float:
    return max(one.peak_bytes - one.ready_bytes, 1)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--curves", nargs="+", default=list(CURVES), choices=CURVES)
    options = arguments.parse_args()
    speeds = Speeds.measure()
    print(machine(), f"\n{speeds}\n", sep="", flush=True)
    everything: list[Measured] = []
    with TemporaryDirectory() as folder:
        for curve in options.curves:
            values = CURVES[curve]
            measured = [
                compare(task_of(curve, value), [ours()], options.rounds, Path(folder))[0] for value in values
            ]
            show(curve, values, measured, speeds)
            everything += measured
    print(verdict(everything))


if __name__ == "__main__":
    main()
