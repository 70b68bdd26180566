"""How the memory of training with additive attention grows: with (S + T) · width + T · S, never with T · S · A.

At a fixed target length T a training step is taken at several source lengths S. Two figures each: what backward was
given to keep (`torch.autograd.graph.saved_tensors_hooks`, each piece of memory once), and how far the peak of the
process lay above where it was. Both grow linearly in S, so what tells is the slope, in numbers for each
source position of each sentence: some thousands for the encoder's states and gates and for T weights, or T · A more.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys

import torch
from child import peak_bytes
from machine import machine
from ours import batches_of, model_of
from task import END, TRAIN, Shape, Task

SENTENCES, TARGET, VOCABULARY = 4, 50, 1000
SOURCES = (50, 200, 800)


def step(source: int) -> dict[str, int]:
    """One training step's bytes: `saved` for backward, `peak` of the process above what it was."""
    chance = random.Random(1)

    def ids(length: int) -> list[int]:
        return [*(chance.randrange(END + 1, VOCABULARY) for _ in range(length - 1)), END]

    shape = Shape(vocabulary=VOCABULARY)
    task = Task("", TRAIN, [[(ids(source), ids(TARGET)) for _ in range(SENTENCES)]], shape)
    warm_up = Task("", TRAIN, [[(ids(8), ids(8)) for _ in range(SENTENCES)]], shape)
    model = model_of(shape).train()
    small, batch = batches_of(warm_up)[0], batches_of(task)[0]
    model(small).total.backward()
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    before = peak_bytes()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = model(batch).total
    loss.backward()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved = sum(size for place, size in kept.items() if place not in weights)
    return {"saved": saved, "peak": peak_bytes() - before}


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--source", type=int, help="only this length, as JSON")
    options = arguments.parse_args()
    if options.source:
        print(json.dumps(step(options.source)))
        return
    shape = Shape()
    print(f"{machine()}\n{SENTENCES} sentences, T {TARGET}, A {shape.attention}, float32\n")
    found = []
    for source in SOURCES:  # each in a process of its own: a peak does not go down again
        command = [sys.executable, __file__, "--source", str(source)]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        found.append(json.loads(run.stdout))
        mega = {what: size / 1e6 for what, size in found[-1].items()}
        print(
            f"S {source:>4}: {mega['saved']:>7,.0f} MB saved for backward, peak {mega['peak']:>7,.0f} MB higher"
        )
    print(f"\nnumbers for each source position of each sentence, from S {SOURCES[0]} to {SOURCES[-1]}:")
    for what in ("saved", "peak"):
        grown = found[-1][what] - found[0][what]
        print(f"  {what:<6} {grown / 4 / SENTENCES / (SOURCES[-1] - SOURCES[0]):>9,.0f}")
    width = shape.embedding + 6 * 2 * shape.encoder + shape.attention
    other = TARGET * shape.attention
    print(f"  (S + T) · width + T · S asks for about {width + TARGET:,}, T · S · A for another {other:,}")


if __name__ == "__main__":
    main()
