"""Training curves for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regard.errors import ConfigError
from regard.training.reports import RunFacts, StepReport, ValidationReport, perplexity
from regard.training.watchers.base import Watcher


class TensorBoard(Watcher):
    """Writes event files into a folder: `training/…` at each step, `validation/…` at each validation.

    Raises ConfigError when it is constructed if the extra `tensorboard` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ConfigError(
                "training.tensorboard: the package tensorboard is not installed; "
                "run: pip install 'regard[tensorboard]'"
            ) from None
        self._make_writer: Any = SummaryWriter
        self._folder = folder
        self._writer: Any = None

    def on_start(self, facts: RunFacts) -> None:
        """Open the event file; when a run is resumed, events after its first step are hidden."""
        purge = facts.first_step + 1 if facts.first_step else None
        self._writer = self._make_writer(str(self._folder), purge_step=purge)

    def on_step(self, report: StepReport) -> None:
        """Write loss, learning rate, gradient norm and speed."""
        self._write("training", report.step, loss=report.loss, perplexity=perplexity(report.loss))
        self._write(
            "training",
            report.step,
            learning_rate=report.learning_rate,
            gradient_norm=report.gradient_norm,
            tokens_per_s=report.tokens_per_s,
        )

    def on_validation(self, report: ValidationReport) -> None:
        """Write every metric, and the sample translations as text."""
        result = report.result
        self._write("validation", report.step, loss=result.loss, accuracy=result.accuracy)
        self._write("validation", report.step, bleu=result.bleu, chrf=result.chrf)
        self._write("validation", report.step, exact_match=result.exact_match, wer=result.wer, cer=result.cer)
        for number, sample in enumerate(result.samples, start=1):
            text = f"source: {sample.source}  \nreference: {sample.reference}  \noutput: {sample.output}"
            self._writer.add_text(f"sample/{number}", text, report.step)

    def close(self) -> None:
        """Flush and close the event file."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, group: str, step: int, **numbers: float) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)
