"""What was found, to read and to pass on: one HTML page, or Markdown, with sentences to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.atomic_writes import atomic_text
from regard.errors import ConfigError
from regard.lab.cases import report_of, title_of
from regard.lab.evaluation import Evaluation
from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.markdown import markdown_faithfulness
from regard.lab.faithful.page import html_faithfulness
from regard.lab.markdown import markdown_report
from regard.lab.page import html_report

NUM_WORST = 10
SUFFIXES = (".html", ".htm", ".md")


def write_report(
    found: Evaluation | Faithfulness,
    path: str | Path,
    system: str | Path = "",
    test_set: Sequence[str | Path] = (),
    worst: int = NUM_WORST,
) -> None:
    """Write an evaluation, or how faithful attention is, with the `worst` sentences to one file, HTML or Markdown.

    Its suffix says which. The page needs nothing beside itself. `system` and `test_set` are names for its
    title. Raises ConfigError for another suffix, DataError for a folder that is not there.
    """
    path = check_report(path, worst)
    is_markdown = path.suffix.lower() == ".md"
    names = [Path(file).name for file in test_set]
    if isinstance(found, Faithfulness):
        title = title_of(f"Does attention explain {system or 'this model'}", names) + "?"
        text = (markdown_faithfulness if is_markdown else html_faithfulness)(found, title, worst)
    else:
        text = (markdown_report if is_markdown else html_report)(report_of(found, str(system), names, worst))
    with atomic_text(path) as write:
        write(text)


def check_report(path: str | Path, worst: int = NUM_WORST) -> Path:
    """The path, if a report can have its suffix; ConfigError if not, or for a number of sentences below 0."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: expected a report ending in {', '.join(SUFFIXES)}, got {path.suffix!r}; rename it"
        )
    if worst < 0:
        raise ConfigError(f"worst: expected a number of sentences from 0 on, got {worst}")
    return path
