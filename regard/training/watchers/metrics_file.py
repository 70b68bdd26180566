"""Steps and validations as lines of JSON in `metrics.jsonl`."""

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
    """Appends one JSON object per line, flushed at once, with `kind` start, step, validation or stop.

    When a run is resumed, lines written after the step it continues from are dropped; a new run overwrites the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def on_start(self, facts: RunFacts) -> None:
        """Open the file for appending, with the lines up to the first step."""
        kept = _lines_until(self.path, facts.first_step) if facts.first_step else []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_text(self.path) as write:
            write("".join(line + "\n" for line in kept))
        self._file = self.path.open("a", encoding="utf-8")
        self._write("start", facts.first_step, asdict(facts))

    def on_step(self, report: StepReport) -> None:
        """Write the step."""
        self._write("step", report.step, asdict(report))

    def on_validation(self, report: ValidationReport) -> None:
        """Write the validation, without its sample translations."""
        numbers = asdict(report)
        numbers |= {name: value for name, value in numbers.pop("result").items() if name != "samples"}
        self._write("validation", report.step, numbers)

    def on_stop(self, result: TrainingResult) -> None:
        """Write why the run ended, as the last line."""
        self._write("stop", result.step, asdict(result) | {"last": str(result.last)})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, kind: str, step: int, numbers: dict[str, Any]) -> None:
        assert self._file is not None, "on_start opens the file"
        finite = {name: value if _is_json(value) else None for name, value in numbers.items()}
        line = json.dumps({"kind": kind, **finite, "step": step}, ensure_ascii=False)
        self._file.write(line + "\n")
        self._file.flush()


def _is_json(value: object) -> bool:
    """Whether JSON can represent a value: not a number that is infinite or NaN."""
    return not isinstance(value, float) or math.isfinite(value)


def _lines_until(path: Path, step: int) -> list[str]:
    """Read the lines of events up to this step; stop at a line that is incomplete because the run was killed."""
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
