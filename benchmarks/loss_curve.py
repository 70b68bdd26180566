"""How far the losses of the first training steps are from exact arithmetic, with fused kernels and plain ones.

    python benchmarks/loss_curve.py [--steps 50] [--layers 1] [--warmup 0 100] [--dropout 0.2] [--out FILE]

Configuration A of `task.py` from one seed, the same batches and dropout masks, Adam at 1e-3, gradients clipped at 1.
The plain backend in float64 is the reference. Two runs of the plain backend in float32, on all threads and on one,
differ only in the order in which numbers are added: their distance is what rounding alone does to such a training,
because Adam's first steps divide a gradient by its own size and so amplify values that are nearly zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch
from corpus import load_corpus
from machine import machine
from ours import batches_of, model_of
from task import TRAIN, Shape, Task

from regard import kernels
from regard.config import TrainingConfig
from regard.records.tensors import Batch
from regard.training.precision import Precision, make_fabric
from regard.training.update import Update

RATE = 1e-3
BACKENDS = ("fused", "plain", "plain, 1 thread")
SPANS = [(0, 10), (10, 20), (20, 50)]


def losses(shape: Shape, batches: Sequence[Batch], warmup: int, double: bool = False) -> list[float]:
    """Train, and return each step's loss in nats per token; in float64 throughout if `double`."""
    model, config = model_of(shape).train(), TrainingConfig(device="cpu", clip_norm=1.0)
    torch.manual_seed(7)  # for the dropout masks
    update = Update(
        make_fabric(config, Precision("float32", "asked for")), model.double() if double else model, config
    )
    return [
        update([batch], RATE * min(1.0, (step + 1) / max(warmup, 1))).loss
        for step, batch in enumerate(batches)
    ]


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Train with this backend inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if "1 thread" in name else threads)
    try:
        with kernels.forced("fused" if name == "fused" else "plain"):
            yield
    finally:
        torch.set_num_threads(threads)


def largest(one: Sequence[float], other: Sequence[float], span: tuple[int, int]) -> str:
    """Format the largest difference between two curves over some steps."""
    pairs = list(zip(one, other, strict=True))[slice(*span)]
    return f"{max(abs(a - b) for a, b in pairs):.1e}" if pairs else ""


def rows(shape: Shape, batches: Sequence[Batch], warmups: Sequence[int]) -> Iterator[str]:
    """Format rows of Markdown, for each warm-up."""
    for warmup in warmups:
        with kernels.forced("plain"):
            exact = losses(shape, batches, warmup, double=True)
        curves = {}
        for name in BACKENDS:
            with backend(name):
                curves[name] = losses(shape, batches, warmup)
        pairs = [(f"{name} against float64", curves[name], exact) for name in BACKENDS]
        pairs += [
            (f"{name} against plain", curves[name], curves["plain"]) for name in BACKENDS if name != "plain"
        ]
        for name, one, other in pairs:
            found = " | ".join(largest(one, other, span) for span in SPANS)
            yield f"| {shape.layers} | {shape.dropout} | {warmup} | {name} | {found} |"


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--steps", type=int, default=50)
    arguments.add_argument("--layers", type=int, nargs="+", default=[1])
    arguments.add_argument(
        "--warmup", type=int, nargs="+", default=[0, 100], help="steps over which the learning rate rises"
    )
    arguments.add_argument("--dropout", type=float, default=0.2)
    arguments.add_argument("--out", type=Path)
    options = arguments.parse_args()
    corpus = load_corpus()
    shape = Shape(vocabulary=max(len(corpus.vocabulary), 8000), dropout=options.dropout)
    batches = batches_of(Task("training", TRAIN, corpus.training_batches(64, options.steps), shape))
    spans = " | ".join(f"steps {first + 1}–{last}" for first, last in SPANS)
    lines = [
        "# The first losses of a training: fused kernels, the plain form, and float64",
        "",
        f"Largest differences in nats a token. Configuration A, {corpus.origin}; 64 sentences a batch, "
        f"Adam at {RATE}.",
        "",
        f"| layers | dropout | warm-up | what | {spans} |",
        "|--|--|--|--|--|--|--|",
    ]
    print("\n".join(lines), flush=True)
    for layers in options.layers:
        for line in rows(replace(shape, layers=layers), batches, options.warmup):
            print(line, flush=True)
            lines.append(line)
    lines += [
        "",
        "Where two runs that differ only in the order of additions part as far, the rest is what rounding does.",
        "",
        f"Machine: {machine()}; {date.today()}. By `python benchmarks/loss_curve.py`.",
        "",
    ]
    if options.out:
        options.out.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
