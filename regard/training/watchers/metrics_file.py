"""Every step and validation as a line of JSON in `metrics.jsonl`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from regard.atomic_writes import atomic_text
from regard.training.reports import RunFacts, StepReport, TrainingResult, ValidationReport
from regard.training.watchers.base import Watcher


class MetricsFile(Watcher):
    """Appends one JSON object a line, flushed at once, with `kind` start, step, validation or stop.

    When a run is resumed, what was written after the step it goes on from is dropped; a new run starts the file
    anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def on_start(self, facts: RunFacts) -> None:
        """Keep the lines up to the first step, then append."""
        kept = _lines_until(self.path, facts.first_step) if facts.first_step else []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_text(self.path) as write:
            write("".join(line + "\n" for line in kept))
        self._file = self.path.open("a", encoding="utf-8")
        self._write("start", facts.first_step, asdict(facts))

    def on_step(self, report: StepReport) -> None:
        """One line a step."""
        self._write("step", report.step, asdict(report))

    def on_validation(self, report: ValidationReport) -> None:
        """One line a validation, without the sample translations."""
        numbers = asdict(report)
        numbers |= {name: value for name, value in numbers.pop("result").items() if name != "samples"}
        self._write("validation", report.step, numbers)

    def on_stop(self, result: TrainingResult) -> None:
        """The last line says why it ended."""
        self._write("stop", result.step, asdict(result) | {"last": str(result.last)})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, kind: str, step: int, numbers: dict[str, Any]) -> None:
        assert self._file is not None, "on_start opens the file"
        written = {name: None if _is_odd(value) else value for name, value in numbers.items()}
        line = json.dumps({"kind": kind, **written, "step": step}, ensure_ascii=False)
        self._file.write(line + "\n")
        self._file.flush()


def _is_odd(value: object) -> bool:
    """A number that JSON cannot write: not finite."""
    return isinstance(value, float) and not math.isfinite(value)


def _lines_until(path: Path, step: int) -> list[str]:
    """The whole lines of events up to this step; a line cut short by a kill ends the reading."""
    kept: list[str] = []
    if not path.is_file():
        return kept
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError):
            break
    return kept
