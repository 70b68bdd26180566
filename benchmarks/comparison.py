"""Compare systems: each in its own process, on the same batches, interleaved in rounds."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from machine import TOO_HIGH, ForeignCpu
from task import TRAIN, Task, longest

WARM_UP = 3  # batches that are not counted, including the longest


@dataclass(frozen=True)
class System:
    """A system to compare: its name, and a command that takes a task's file and serves it (`child.py`)."""

    name: str
    command: Sequence[str]


@dataclass
class Measured:
    """One system on one task: `rounds` holds the seconds of each batch; `failure` says why there are none.

    `ready_bytes` is its peak memory before the first batch, `peak_bytes` after the last; `written` holds the ids that
    it decoded in the last round, if it returns them.
    """

    task: Task
    system: str
    rounds: list[list[float]] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)
    ready_bytes: int = 0
    peak_bytes: int = 0
    failure: str = ""
    written: list[list[int]] = field(default_factory=list)

    def rates(self) -> list[float]:
        """Target tokens per second, by round."""
        tokens = sum(map(self.task.tokens, range(len(self.task.batches))))
        return [tokens / sum(seconds) for seconds in self.rounds]

    @property
    def rate(self) -> float:
        """The median rate of the rounds."""
        return statistics.median(self.rates())

    @property
    def spread(self) -> float:
        """Half the range of the rounds, divided by their median."""
        return (max(self.rates()) - min(self.rates())) / 2 / self.rate

    @property
    def sentences_a_second(self) -> float:
        """Sentences per second at the median rate."""
        tokens = sum(map(self.task.tokens, range(len(self.task.batches))))
        return self.rate * sum(map(len, self.task.batches)) / tokens


class _Child:
    """The process of a system that works on a task."""

    def __init__(self, system: System, file: Path) -> None:
        self.errors = TemporaryFile("w+")  # noqa: SIM115 (`end` closes it)
        self.process = subprocess.Popen(
            [*system.command, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def ask(self, units: Sequence[int]) -> dict[str, Any]:
        """Run some batches, and return the reply. Raises OSError with the last line of its errors if it has died."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(list(units)) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            lines = [error.strip() for error in self.errors.read().splitlines() if error.strip()]
            raise OSError(lines[-1] if lines else f"ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def compare(task: Task, systems: Sequence[System], rounds: int, folder: Path) -> list[Measured]:
    """Run every system on a task, in turn in each round, starting with another each time; failures are recorded."""
    file = folder / "task.json"
    task.save(file)
    found = {system.name: Measured(task, system.name) for system in systems}
    with ExitStack() as stack:
        children = {system.name: _Child(system, file) for system in systems}
        for child in children.values():
            stack.callback(child.end)
        for name, child in children.items():
            with _recording_failure(found[name]):
                found[name].ready_bytes = int(child.answer()["peak_bytes"])
        units = range(len(task.batches))
        first = [longest(task), *units][:WARM_UP]
        for round_index in range(-1, rounds):  # the round before the first warms up
            names = [name for name in children if not found[name].failure]
            turn = max(round_index, 0) % max(len(names), 1)
            for name in names[turn:] + names[:turn]:
                with _recording_failure(found[name]):
                    _round(children[name], found[name], first if round_index < 0 else units, round_index >= 0)
    return list(found.values())


def _round(child: _Child, measured: Measured, units: Sequence[int], counts: bool) -> None:
    watch = ForeignCpu()
    answer = child.ask(units)
    measured.peak_bytes = int(answer["peak_bytes"])
    if counts:
        measured.rounds.append(list(answer["seconds"]))
        measured.written = list(answer["written"])
        measured.foreign.append(watch.share())


@contextmanager
def _recording_failure(measured: Measured) -> Iterator[None]:
    """Record why a child died, and continue with the others."""
    try:
        yield
    except OSError as error:
        measured.failure = str(error)[:200] or type(error).__name__


def table(measured: Sequence[Measured], against: str) -> Iterator[str]:
    """Format a Markdown table with aligned columns: a row for each system on each task.

    Rates are compared with that of the system `against`.
    """
    head = (
        "task",
        "system",
        "target tokens/s",
        "±",
        f"to {against}",
        "sentences/s",
        "ms a sentence",
        "peak MB",
    )
    rows = [(*head, "others' CPU"), *_rows(measured, against)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        cells = (
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"| {' | '.join(cells)} |"
        if index == 0:
            rules = ("-" * (width + 1) + "-:"[column > 1] for column, width in enumerate(widths))
            yield f"|{'|'.join(rules)}|"


def _rows(measured: Sequence[Measured], against: str) -> Iterator[tuple[str, ...]]:
    bases = {one.task.name: one.rate for one in measured if one.system == against and one.rounds}
    for one in measured:
        if not one.rounds:
            yield (one.task.name, f"{one.system}: {one.failure or 'not measured'}", *[""] * 7)
            continue
        base = bases.get(one.task.name)
        foreign = statistics.median(one.foreign)
        decoding = one.task.kind != TRAIN
        yield (
            one.task.name,
            one.system,
            f"{one.rate:,.0f}",
            f"{100 * one.spread:.0f} %",
            f"{one.rate / base:.2f}×" if base else "",
            f"{one.sentences_a_second:,.1f}" if decoding else "",
            f"{1000 / one.sentences_a_second:,.1f}" if decoding else "",
            f"{one.peak_bytes / 1e6:,.0f}",
            f"{100 * foreign:.0f} %{' (!)' if foreign > TOO_HIGH else ''}",
        )


def verdict(measured: Sequence[Measured]) -> str:
    """Say whether the machine was quiet enough."""
    disturbed = [one for one in measured if one.foreign and statistics.median(one.foreign) > TOO_HIGH]
    if not disturbed:
        return f"Others took less than {100 * TOO_HIGH:.0f} % of the CPU in every row."
    return (
        f"NOT TO BE TRUSTED: in {len(disturbed)} of {len(measured)} rows, marked (!), other processes took more "
        f"than {100 * TOO_HIGH:.0f} % of the CPU; measure again on a quiet machine."
    )
