"""How fast `regard` trains and translates compared with the textbook's way, and in how much memory: one table.

Every system runs in its own process on the same batches, in turn; figures are medians over the rounds, ± half
their range. Target tokens count end-of-sentence and no padding. Decoding writes each sentence to its reference's
length with untrained models, so that all do the same work. Peak memory is that of the process, Python and libraries
included.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from comparison import Measured, System, compare, table, verdict
from corpus import BenchmarkCorpus, load_corpus
from machine import machine
from task import BEAM, GREEDY, TRAIN, Shape, Task

from regard.kernels.dtypes import cpu_bfloat16_units

HERE = Path(__file__).resolve().parent
OURS, TEXTBOOK = "regard", "textbook"
TASKS = ("train", "train-2-layers", "train-4096", "greedy", "beam", "one")


def ours(name: str = OURS, *options: str) -> System:
    """Return `regard`, perhaps with other options."""
    return System(name, [sys.executable, str(HERE / "ours.py"), *options])


def textbook(name: str = TEXTBOOK, *options: str) -> System:
    """Return the textbook's way, perhaps with other options."""
    return System(name, [sys.executable, str(HERE / "textbook.py"), *options])


def ours_at(checkout: Path) -> System:
    """Return `regard` as another checkout has it, by its own `benchmarks/ours.py`."""
    script = checkout / "benchmarks" / "ours.py"
    return System(f"regard {checkout.name}", ["env", f"PYTHONPATH={checkout}", sys.executable, str(script)])


def systems(kind: str) -> list[System]:
    """List ours and the textbook's, with their variants: without kernels, in other precisions."""
    found = [ours()]
    if find_spec("regard.kernels"):
        found.append(ours("regard plain", "--plain", *([] if kind == TRAIN else ["--precision", "float32"])))
    found.append(textbook())
    if cpu_bfloat16_units():  # without them bfloat16 is only slower
        if kind == TRAIN:
            found.append(ours("regard float32", "--precision", "float32"))
        found.append(textbook("textbook autocast", "--bfloat16"))
    return found


def tasks(corpus: BenchmarkCorpus, names: Sequence[str] = TASKS, scale: float = 1.0) -> list[Task]:
    """Build the tasks of these names, with `scale` times the usual number of batches."""

    def scaled(num_batches: int) -> int:
        return max(round(num_batches * scale), 1)

    shape = Shape(vocabulary=max(len(corpus.vocabulary), 8000))
    deep = Shape(layers=2, vocabulary=shape.vocabulary)
    build = {
        "train": lambda: Task("training, 64 sentences", TRAIN, corpus.training_batches(64, scaled(8)), shape),
        "train-2-layers": lambda: Task(
            "training, 2 layers, 64 sentences", TRAIN, corpus.training_batches(64, scaled(5)), deep
        ),
        "train-4096": lambda: Task(
            "training, 4,096 tokens", TRAIN, corpus.token_batches(4096, scaled(2)), shape
        ),
        "greedy": lambda: Task("greedy, 64 sentences", GREEDY, corpus.test_batches(64, scaled(5)), shape),
        "beam": lambda: Task("beam 5, 64 sentences", BEAM, corpus.test_batches(64, scaled(2)), shape),
        "one": lambda: Task("greedy, one by one", GREEDY, corpus.test_batches(1, scaled(40)), shape),
    }
    return [build[name]() for name in names]


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--scale", type=float, default=1.0, help="multiplies the usual number of batches")
    arguments.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    arguments.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="compare only with this other checkout of regard"
    )
    options = arguments.parse_args()
    rival = ours_at(options.against.resolve()) if options.against else None
    baseline = rival.name if rival else TEXTBOOK
    started = time.perf_counter()
    corpus = load_corpus()
    chosen = tasks(corpus, options.tasks, options.scale)
    print(f"{machine()}\n{corpus.origin}\n", flush=True)
    measured: list[Measured] = []
    with TemporaryDirectory() as folder:
        for task in chosen:
            compared = [ours(), rival] if rival else systems(task.kind)
            found = compare(task, compared, options.rounds, Path(folder))
            print("\n".join(table(found, baseline)), "\n", file=sys.stderr, flush=True)
            measured += found
    print("\n".join(table(measured, baseline)))
    print(
        f"\n{verdict(measured)} {options.rounds} rounds in {(time.perf_counter() - started) / 60:.1f} minutes."
    )


if __name__ == "__main__":
    main()
