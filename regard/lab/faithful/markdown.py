"""Render a measurement of faithfulness as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from regard.explain.words import visible
from regard.lab.faithful.cases import NOTE, TITLE, grid_of, remarks
from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.sections import COLUMNS, Figure, sections_of
from regard.lab.faithful.terminal import summary
from regard.lab.faithful.verdict import CRITERIA
from regard.lab.markdown import escape, fence_text, heat_map_text, table_markdown
from regard.metrics import Mean


def markdown_faithfulness(result: Faithfulness, title: str, worst: int) -> str:
    """Render a report; the text of sentences is fenced, so that it cannot act as Markdown."""
    return "\n".join(_lines(result, title, worst)) + "\n"


def _lines(result: Faithfulness, title: str, worst: int) -> Iterator[str]:
    yield f"# {escape(title)}"
    yield f"\n{summary(result)}\n"
    yield f"**Does attention explain this model?** {result.verdict.words}\n"
    for reason in result.verdict.reasons:
        yield f"- {reason.question} **{reason.answer}.** {reason.found} ({reason.limits})"
    yield f"\n{CRITERIA}"
    for section in sections_of(result):
        yield f"\n## {section.title}\n\n{section.note}\n"
        rows = [
            [
                row.label,
                *(_cell(row, result.figures.get((row.name, column)), column) for column in section.columns),
            ]
            for row in section.rows
        ]
        yield from table_markdown(["figure", *(COLUMNS[column] for column in section.columns)], rows)
    cases = result.worst(worst)
    if cases:
        yield f"\n## {TITLE}\n\n{NOTE} named."
    for probe in cases:
        yield f"\n### Sentence {probe.number}\n"
        lines = [f"source  {visible(probe.forced.source)}", f"forced  {visible(probe.forced.text)}"]
        lines += map(visible, remarks(probe))
        yield fence_text("\n".join(lines) + f"\n\n{heat_map_text(grid_of(probe))}")


def _cell(row: Figure, mean: Mean | None, column: str) -> str:
    if mean is None:
        return ""
    interval = row.interval(mean, column)
    return row.shown(mean) + (f" {interval}" if interval else "")
