"""The progress of training: a progress bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from regard.metrics import MEASURES
from regard.training.reports import RunFacts, StepReport, TrainingResult, ValidationReport, perplexity
from regard.training.watchers.base import Watcher
from regard.training.watchers.terminal import print_plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

SMOOTHING = 0.95  # weight of the past in the displayed loss and speed


class ProgressBar(Watcher):
    """Shows epoch, step, tokens/s, time left, loss, perplexity, and the metric of the last validation.

    In a terminal they stand next to a progress bar; elsewhere (a log file) on a plain line, at most one every
    `every_s` seconds. Loss and speed are running means.
    """

    def __init__(
        self, console: Console, every_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._every_s = every_s
        self._clock = clock
        self._shown_at: float | None = None
        self._total: int | None = None
        self._loss: float | None = None
        self._tokens_per_s: float | None = None
        self._validated = ""
        self._metric = "loss"
        self._split = 0
        self._bar: Progress | None = None
        self._task: TaskID

    def on_start(self, facts: RunFacts) -> None:
        """Print what is trained, on what and how; start the progress bar."""
        self._total, self._metric = facts.total_steps, facts.metric
        self._print(
            f"training {facts.num_parameters:,} parameters on {facts.num_pairs:,} pairs, "
            f"{facts.steps_per_epoch:,} steps an epoch; {facts.device}, {facts.precision}"
            + (f"; continuing after step {facts.first_step:,}" if facts.first_step else "")
        )
        for loop in facts.step_by_step:
            self._print(f"kernels: {loop}")
        if self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(BarColumn(), TextColumn("{task.description}"), console=self._console)
            self._task = self._bar.add_task("", total=facts.total_steps, completed=facts.first_step)
            self._bar.start()

    def on_step(self, report: StepReport) -> None:
        """Advance the progress bar, or print a line if it is time for one."""
        if report.applied:
            self._loss = _mean(self._loss, report.loss)
        else:
            self._print(f"step {report.step:,}: skipped, its loss or gradient is not finite")
        if report.split and not self._split:
            self._print(
                f"step {report.step:,}: a batch did not fit in memory and was processed in parts, which is slower "
                "but gives the same gradient; lower training.batch_tokens if this happens often"
            )
        self._split = report.split
        self._tokens_per_s = _mean(self._tokens_per_s, report.tokens_per_s)
        if self._bar is not None:
            self._bar.update(self._task, completed=report.step, description=self._line(report))
        elif self._shown_at is None or self._clock() - self._shown_at >= self._every_s:
            self._shown_at = self._clock()
            self._print(self._line(report))

    def on_validation(self, report: ValidationReport) -> None:
        """Print the metrics of the validation."""
        result = report.result
        is_translation = report.metric in ("bleu", "chrf", "loss")
        names = dict.fromkeys(
            ["bleu", "chrf", report.metric] if is_translation else [report.metric, "wer", "cer"]
        )
        metrics = {
            name: f"{MEASURES[name].label} {result.value(name):.1f}" for name in names if name != "loss"
        }
        self._validated = metrics.get(report.metric, next(iter(metrics.values())))
        mark = "best so far" if report.is_best else f"best {report.best:.2f} at step {report.best_step:,}"
        mean = f" of the mean of the {report.averaged} best checkpoints" if report.averaged else ""
        self._print(
            f"validation{mean} at step {report.step:,}, epoch {report.epoch}: loss {result.loss:.3f}, "
            f"perplexity {perplexity(result.loss):.2f}, {', '.join(metrics.values())} ({mark})"
        )

    def on_stop(self, result: TrainingResult) -> None:
        """Print why the run ended and, after an interruption, how to resume it."""
        self.close()
        self._print(f"stopped at step {result.step:,}, epoch {result.epoch}: {result.reason}")
        if result.best is not None:
            label = MEASURES[self._metric].label
            self._print(
                f"kept: the model of step {result.best_step:,}, {label} {result.best:.2f} in validation"
            )
        if result.split:
            self._print(f"batches that did not fit in memory and were processed in parts: {result.split:,}")
        if result.interrupted:
            self._print(
                f"everything is saved in {result.last}; the same command with --resume continues from there"
            )

    def close(self) -> None:
        """Stop the progress bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _line(self, report: StepReport) -> str:
        total = f"/{self._total:,}" if self._total else ""
        parts = [
            f"epoch {report.epoch}",
            f"step {report.step:,}{total}",
            f"{self._tokens_per_s or 0:,.0f} tokens/s",
        ]
        if report.remaining_s is not None:
            parts.append(f"{timedelta(seconds=round(report.remaining_s))} left")
        if self._loss is not None:
            parts.append(f"loss {self._loss:.3f}, perplexity {perplexity(self._loss):.2f}")
        if self._validated:
            parts.append(self._validated)
        return ", ".join(parts)

    def _print(self, line: str) -> None:
        print_plain(self._console, line)


def _mean(before: float | None, new: float) -> float:
    """Return the running mean with one more value."""
    return new if before is None else SMOOTHING * before + (1 - SMOOTHING) * new
