"""How the memory of training with additive attention grows: with (S + T) · width + T · S, never with T · S · A.

At a fixed target length T one training step is run at several source lengths S, each in its own process, and the
result is by how much the step raised the peak memory of the process. It grows linearly in S either way, so what
matters is the slope, in numbers per source position per sentence: some thousands for the encoder's states and gates
and for T weights, or T · A more. The plain backend, which holds T · S · A numbers, is shown for comparison.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys

from child import peak_bytes
from machine import machine
from ours import batches_of, model_of
from task import END, TRAIN, Shape, Task

from regard import kernels

SENTENCES, TARGET, VOCABULARY = 4, 50, 1000
SOURCES = (50, 200, 800)


def step(source: int) -> int:
    """Return by how many bytes one training step raises the peak memory of the process."""
    chance = random.Random(1)

    def ids(length: int) -> list[int]:
        return [*(chance.randrange(END + 1, VOCABULARY) for _ in range(length - 1)), END]

    shape = Shape(vocabulary=VOCABULARY)
    task = Task("", TRAIN, [[(ids(source), ids(TARGET)) for _ in range(SENTENCES)]], shape)
    warm_up = Task("", TRAIN, [[(ids(8), ids(8)) for _ in range(SENTENCES)]], shape)
    model = model_of(shape).train()
    small, batch = batches_of(warm_up)[0], batches_of(task)[0]
    model(small).total.backward()
    before = peak_bytes()
    model(batch).total.backward()
    return peak_bytes() - before


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--source", type=int, help="only this length, and only the bytes")
    arguments.add_argument("--backend", default="fused", choices=kernels.BACKENDS)
    options = arguments.parse_args()
    if options.source:
        kernels.use(options.backend)
        print(step(options.source))
        return
    shape = Shape()
    print(f"{machine()}\n{SENTENCES} sentences, T {TARGET}, A {shape.attention}, float32\n")
    slopes = {}
    for backend in kernels.BACKENDS:
        peaks = []
        for source in SOURCES:  # each in its own process: a peak never goes down again
            command = [sys.executable, __file__, "--source", str(source), "--backend", backend]
            peaks.append(int(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout))
            print(f"{backend:<5}  S {source:>4}: peak {peaks[-1] / 1e6:>7,.0f} MB higher", flush=True)
        slopes[backend] = (peaks[-1] - peaks[0]) / 4 / SENTENCES / (SOURCES[-1] - SOURCES[0])
    print(f"\nnumbers per source position per sentence, from S {SOURCES[0]} to {SOURCES[-1]}:")
    for backend, slope in slopes.items():
        print(f"  {backend:<5} {slope:>9,.0f}")
    width = shape.embedding + 6 * 2 * shape.encoder + shape.attention
    other = TARGET * shape.attention
    print(f"  (S + T) · width + T · S needs about {width + TARGET:,}, T · S · A for another {other:,}")


if __name__ == "__main__":
    main()
