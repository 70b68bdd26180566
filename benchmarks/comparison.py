"""Systems side by side: each in its own process, the same batches, interleaved in rounds."""

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

WARM_UP = 3  # batches before anything counts, the longest among them


@dataclass(frozen=True)
class System:
    """What is compared: a name, and a command that takes a task's file and serves it (`child.py`)."""

    name: str
    command: Sequence[str]


@dataclass
class Measured:
    """One system at one task. `rounds` hold seconds for each batch; `failure` says why there are none.

    `ready_bytes` is the peak of its memory before the first batch, `peak_bytes` after the last; `written` is what it
    decoded in the last round, where it tells.
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
        """Target tokens a second, by round."""
        tokens = sum(map(self.task.tokens, range(len(self.task.batches))))
        return [tokens / sum(seconds) for seconds in self.rounds]

    @property
    def rate(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rates())

    @property
    def spread(self) -> float:
        """Half the range of the rounds over their median."""
        return (max(self.rates()) - min(self.rates())) / 2 / self.rate

    @property
    def sentences_a_second(self) -> float:
        """At the median rate."""
        tokens = sum(map(self.task.tokens, range(len(self.task.batches))))
        return self.rate * sum(map(len, self.task.batches)) / tokens


class _Child:
    """A system at work on a task."""

    def __init__(self, system: System, file: Path) -> None:
        self.said = TemporaryFile("w+")  # noqa: SIM115 (`end` closes it)
        self.process = subprocess.Popen(
            [*system.command, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
        )

    def ask(self, units: Sequence[int]) -> dict[str, Any]:
        """Seconds for each batch, and the peak of memory. Raises OSError with its last words if it has died."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(list(units)) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.said.seek(0)
            words = [said.strip() for said in self.said.read().splitlines() if said.strip()]
            raise OSError(words[-1] if words else f"ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.said.close()


def compare(task: Task, systems: Sequence[System], rounds: int, folder: Path) -> list[Measured]:
    """Every system at a task, in turn in each round; who goes first changes. A system that fails says why."""
    file = folder / "task.json"
    task.save(file)
    found = {system.name: Measured(task, system.name) for system in systems}
    with ExitStack() as stack:
        children = {system.name: _Child(system, file) for system in systems}
        for child in children.values():
            stack.callback(child.end)
        for name, child in children.items():
            with _telling(found[name]):
                found[name].ready_bytes = int(child.answer()["peak_bytes"])
        units = range(len(task.batches))
        first = [longest(task), *units][:WARM_UP]
        for number in range(-1, rounds):
            names = [name for name in children if not found[name].failure]
            turn = max(number, 0) % max(len(names), 1)
            for name in names[turn:] + names[:turn]:
                with _telling(found[name]):
                    _round(children[name], found[name], first if number < 0 else units, number >= 0)
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
def _telling(measured: Measured) -> Iterator[None]:
    """Keep the last words of a child that dies, and go on."""
    try:
        yield
    except OSError as error:
        measured.failure = str(error)[:200] or type(error).__name__


def table(measured: Sequence[Measured], against: str) -> Iterator[str]:
    """Lines of Markdown, each column as wide as it must be: a row for each system at each task.

    Rates are put beside that of the system `against`.
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
    for number, row in enumerate(rows):
        cells = (
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield (
                "|"
                + "|".join("-" * (width + 1) + "-:"[place > 1] for place, width in enumerate(widths))
                + "|"
            )


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
    """Whether the machine was quiet enough."""
    disturbed = [one for one in measured if one.foreign and statistics.median(one.foreign) > TOO_HIGH]
    if not disturbed:
        return f"Others took less than {100 * TOO_HIGH:.0f} % of the CPU in every row."
    return (
        f"NOT TO BE TRUSTED: in {len(disturbed)} of {len(measured)} rows, marked (!), other processes took more "
        f"than {100 * TOO_HIGH:.0f} % of the CPU; measure again on a quiet machine."
    )
