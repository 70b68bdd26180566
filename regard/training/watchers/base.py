"""The interface of the training loop's watchers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from regard.errors import ConfigError
from regard.training.reports import RunFacts, StepReport, TrainingResult, ValidationReport

Callback = Callable[[StepReport | ValidationReport], str | bool | None]


class Watcher:
    """Is notified of everything the loop does; the hooks do nothing unless they are overridden.

    `on_step` and `on_validation` may return a reason, in words, to stop: the loop then saves its state and ends,
    without another validation; the model folder holds the best model validated before.
    """

    def on_start(self, facts: RunFacts) -> None:
        """Training starts, or continues after `facts.first_step`."""

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
        """Release terminals and files; called once at the very end, also after an error."""


class CallbackWatcher(Watcher):
    """Calls a function with the report of each step and validation; a reason or True from it stops the run."""

    def __init__(self, function: Callback) -> None:
        self._function = function

    def on_step(self, report: StepReport) -> str | None:
        """Call the function."""
        return self._reason(report)

    def on_validation(self, report: ValidationReport) -> str | None:
        """Call the function."""
        return self._reason(report)

    def _reason(self, report: StepReport | ValidationReport) -> str | None:
        answer = self._function(report)
        if answer is None or isinstance(answer, bool):
            name = getattr(self._function, "__name__", type(self._function).__name__)
            return f"stopped by {name}" if answer else None
        return answer


def as_watcher(watcher: Watcher | Callback) -> Watcher:
    """Return a watcher as it is, a function as a `CallbackWatcher`. Raises ConfigError for anything else."""
    if isinstance(watcher, Watcher):
        return watcher
    if isinstance(watcher, type) or not callable(watcher):
        raise ConfigError(
            f"watchers: expected instances of Watcher or functions of one report, got {watcher!r}"
        )
    return CallbackWatcher(watcher)
