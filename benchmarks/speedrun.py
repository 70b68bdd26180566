"""How long it takes from the raw text of Multi30k German to English to 35 BLEU on `val`.

    python benchmarks/speedrun.py [--seeds 1 2 3] [--goal 35] [KEY=VALUE …, keys of the recipe speedrun.yaml]

BLEU is sacrebleu's (13a) of greedy translations of all 1,014 validation sentences, lower-cased on both sides. Each
seed runs in its own process and begins with compressed files; its wall time counts from its start to its end and is
split into phases. The median over the seeds is the result.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

BEGAN = time.perf_counter()

from corpus import multi30k  # noqa: E402
from machine import ForeignCpu, machine  # noqa: E402

import regard  # noqa: E402 (the clock runs while it is imported)
from regard.training import RunFacts, StepReport, ValidationReport  # noqa: E402

RECIPE = Path(__file__).resolve().with_suffix(".yaml")
PHASES = ("import", "lower-case", "prepare", "steps", "validations", "saving and the rest")


class Stopwatch(regard.Watcher):
    """Record how long each phase takes, and stop at the goal."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self.ready = self.steps = self.validations = 0.0
        self.num_steps = 0
        self.curve: list[float] = []

    def on_start(self, facts: RunFacts) -> None:
        """Record when preparation is done."""
        self.ready = time.perf_counter()

    def on_step(self, report: StepReport) -> None:
        """Add the seconds of a step."""
        self.steps += report.tokens / report.tokens_per_s
        self.num_steps = report.step

    def on_validation(self, report: ValidationReport) -> str | None:
        """Add the seconds of a validation, and stop if the goal is reached."""
        self.validations += report.seconds
        self.curve.append(report.result.bleu)
        print(f"step {report.step:,}: {report.result.bleu:.2f} BLEU", file=sys.stderr, flush=True)
        return f"{self.goal} BLEU reached" if report.result.bleu >= self.goal else None


def run(seed: int, goal: float, overrides: Sequence[str]) -> dict[str, object]:
    """Train once, and return seconds by phase, the number of steps and the BLEU of each validation."""
    imported = time.perf_counter()
    watch = Stopwatch(goal)
    with TemporaryDirectory() as folder:
        files = {part: _lower_cased(part, Path(folder)) for part in ("train", "val")}
        lower_cased = time.perf_counter()
        regard.train(
            RECIPE,
            files["train"],
            out=Path(folder) / "model",
            overrides=[
                f"--data.validation={json.dumps(list(map(str, files['val'])))}",
                f"--training.seed={seed}",
                *overrides,
            ],
            watchers=[watch],
            progress=False,
        )
    ended = time.perf_counter()
    seconds = [
        imported - BEGAN,
        lower_cased - imported,
        watch.ready - lower_cased,
        watch.steps,
        watch.validations,
        ended - watch.ready - watch.steps - watch.validations,
    ]
    phases = dict(zip(PHASES, seconds, strict=True))
    return {"phases": phases, "total": ended - BEGAN, "steps": watch.num_steps, "curve": watch.curve}


def _lower_cased(part: str, folder: Path) -> list[Path]:
    """Decompress and lower-case the files of a part."""
    files = []
    for file in multi30k(part):
        files.append(folder / file.stem)
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            files[-1].write_text(lines.read().lower(), encoding="utf-8")
    return files


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments.add_argument("--goal", type=float, default=35.0)
    arguments.add_argument(
        "--one", action="store_true", help="run the first seed in this process, and print JSON"
    )
    options, keys = arguments.parse_known_args()
    overrides = [key if key.startswith("--") else f"--{key}" for key in keys]
    if options.one:
        print(json.dumps(run(options.seeds[0], options.goal, overrides)))
        return
    print(machine(), flush=True)
    totals = []
    for seed in options.seeds:
        command = [sys.executable, __file__, "--one", "--seeds", str(seed), "--goal", str(options.goal)]
        foreign = ForeignCpu()
        done = subprocess.run([*command, *overrides], stdout=subprocess.PIPE, check=True, text=True)
        found = json.loads(done.stdout)
        reached = max(found["curve"], default=0.0)
        phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in found["phases"].items())
        print(
            f"seed {seed}: {found['total']:.0f} s to {reached:.2f} BLEU in {found['steps']:,} steps ({phases}); "
            f"others' CPU {100 * foreign.share():.0f} %",
            flush=True,
        )
        totals.append(found["total"] if reached >= options.goal else float("inf"))
    median = statistics.median(totals)
    took = f"{median / 60:.1f} minutes" if median < float("inf") else "the goal was not reached"
    print(f"median of {len(totals)} seeds: {took} to {options.goal:g} BLEU (greedy, 13a, lower-cased, val)")


if __name__ == "__main__":
    main()
