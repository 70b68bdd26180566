"""What every watcher of the training loop promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from regard.errors import ConfigError
from regard.training.reports import RunFacts, StepReport, TrainingResult, ValidationReport

Callback = Callable[[StepReport | ValidationReport], str | bool | None]


class Watcher:
    """Told of everything the loop does; each hook does nothing unless a watcher fills it.

    `on_step` and `on_validation` may return a reason, in words, to stop: the loop then saves and ends, without one
    more validation; the model folder holds the best of those before.
    """

    def on_start(self, facts: RunFacts) -> None:
        """Training begins, or goes on after `facts.first_step`."""

    def on_step(self, report: StepReport) -> str | None:
        """An optimiser step was taken."""
        return None

    def on_validation(self, report: ValidationReport) -> str | None:
        """The model was validated."""
        return None

    def on_checkpoint(self, folder: Path, step: int) -> None:
        """The training state was saved in `folder`."""

    def on_stop(self, result: TrainingResult) -> None:
        """Training ended, for whatever reason."""

    def close(self) -> None:
        """Give back terminals and files; called once at the very end, after an error too."""


class Calls(Watcher):
    """A function as a watcher: called with each report of a step or a validation, and stops with a reason or True."""

    def __init__(self, function: Callback) -> None:
        self._function = function

    def on_step(self, report: StepReport) -> str | None:
        """Call it."""
        return self._reason(report)

    def on_validation(self, report: ValidationReport) -> str | None:
        """Call it."""
        return self._reason(report)

    def _reason(self, report: StepReport | ValidationReport) -> str | None:
        answer = self._function(report)
        if answer is None or isinstance(answer, bool):
            name = getattr(self._function, "__name__", type(self._function).__name__)
            return f"{name} said stop" if answer else None
        return answer


def as_watcher(watcher: Watcher | Callback) -> Watcher:
    """A watcher as it is, a function as `Calls`. Raises ConfigError for anything else."""
    if isinstance(watcher, Watcher):
        return watcher
    if isinstance(watcher, type) or not callable(watcher):
        raise ConfigError(
            f"watchers: expected objects of Watcher or functions of one report, got {watcher!r}"
        )
    return Calls(watcher)
