"""What every watcher of the training loop promises."""

from __future__ import annotations

from pathlib import Path

from regard.training.reports import RunFacts, StepReport, TrainingResult, ValidationReport


class Watcher:
    """Told of everything the loop does; each hook does nothing unless a watcher fills it.

    `on_step` and `on_validation` may return a reason, in words, to stop: the loop then saves and ends.
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
