"""Write an evaluation, or a measurement of faithfulness, to a report: one HTML page, or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.atomic_writes import atomic_text
from regard.errors import ConfigError
from regard.lab.cases import build_report, report_title
from regard.lab.evaluation import Evaluation
from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.markdown import markdown_faithfulness
from regard.lab.faithful.page import html_faithfulness
from regard.lab.markdown import markdown_report
from regard.lab.page import html_report

NUM_WORST = 10
SUFFIXES = (".html", ".htm", ".md")


def write_report(
    result: Evaluation | Faithfulness,
    path: str | Path,
    system: str | Path = "",
    test_set: Sequence[str | Path] = (),
    worst: int = NUM_WORST,
) -> None:
    """Write an evaluation, or a measurement of faithfulness, with its `worst` sentences to an HTML or Markdown file.

    The suffix of `path` decides which. The page is self-contained. `system` and `test_set` are named in its title.
    Raises ConfigError for another suffix, DataError if the folder does not exist.
    """
    path = check_report(path, worst)
    is_markdown = path.suffix.lower() == ".md"
    names = [Path(file).name for file in test_set]
    if isinstance(result, Faithfulness):
        title = report_title(f"Does attention explain {system or 'this model'}", names) + "?"
        text = (markdown_faithfulness if is_markdown else html_faithfulness)(result, title, worst)
    else:
        text = (markdown_report if is_markdown else html_report)(
            build_report(result, str(system), names, worst)
        )
    with atomic_text(path) as write:
        write(text)


def check_report(path: str | Path, worst: int = NUM_WORST) -> Path:
    """Return the path of a report. Raises ConfigError for an unknown suffix or a negative number of sentences."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: expected a report ending in {', '.join(SUFFIXES)}, got {path.suffix!r}; rename it"
        )
    if worst < 0:
        raise ConfigError(f"worst: expected a number of sentences from 0 on, got {worst}")
    return path
