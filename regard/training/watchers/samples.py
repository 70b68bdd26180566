"""A few translations at each validation, with what they looked at."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from regard.training.reports import Sample, ValidationReport
from regard.training.watchers.base import Watcher


class Samples(Watcher):
    """Prints source, reference, output and `word←source word` pairs of the first few validation samples."""

    def __init__(self, console: Console, num_samples: int = 1) -> None:
        self._console = console
        self._num_samples = num_samples

    def on_validation(self, report: ValidationReport) -> None:
        """Print the samples of this validation."""
        for sample in report.result.samples[: self._num_samples]:
            for line in sample_lines(sample):
                self._console.print(Text(line), soft_wrap=True)


def sample_lines(sample: Sample) -> list[str]:
    """A sample as lines of plain text; the last, where there was attention, pairs output and source words."""
    lines = [
        f"  source     {sample.source}",
        f"  reference  {sample.reference}",
        f"  output     {sample.output}",
    ]
    if sample.word_links:
        lines.append("  looked at  " + "  ".join(f"{word}←{source}" for word, source in sample.word_links))
    return lines
