"""A few translations at each validation, with the source words they attend to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.training.reports import Sample, ValidationReport
from regard.training.watchers.base import Watcher
from regard.training.watchers.terminal import print_plain

if TYPE_CHECKING:
    from rich.console import Console


class Samples(Watcher):
    """Prints source, reference, output and `word←source word` pairs of the first few validation samples."""

    def __init__(self, console: Console, num_samples: int = 1) -> None:
        self._console = console
        self._num_samples = num_samples

    def on_validation(self, report: ValidationReport) -> None:
        """Print the samples of this validation."""
        for sample in report.result.samples[: self._num_samples]:
            for line in sample_lines(sample):
                print_plain(self._console, line)


def sample_lines(sample: Sample) -> list[str]:
    """Return a sample as lines of plain text; if there is attention, the last pairs output and source words."""
    lines = [
        f"  source     {sample.source}",
        f"  reference  {sample.reference}",
        f"  output     {sample.output}",
    ]
    if sample.word_links:
        lines.append("  attention  " + "  ".join(f"{word}←{source}" for word, source in sample.word_links))
    return lines
