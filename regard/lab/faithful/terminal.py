"""Show a measurement of faithfulness in the terminal: a table for each question, then the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.sections import COLUMNS, Section, sections_of
from regard.lab.faithful.verdict import CRITERIA, NO, PARTLY, YES, Verdict

MARKS = {YES: "+", PARTLY: "~", NO: "–"}
_STYLES = {YES: "green", PARTLY: "yellow", NO: "red"}


def show_faithfulness(result: Faithfulness) -> RenderableType:
    """Show all figures with intervals and baselines, and the verdict with its reasons."""
    tables = [
        part
        for section in sections_of(result)
        for part in (Text(section.title, "bold"), _table(result, section))
    ]
    return Group(Text(summary(result), "dim"), Text(), *tables, *_verdict(result.verdict))


def summary(result: Faithfulness) -> str:
    """Say how many sentences and tokens were measured."""
    left_out = f", {result.num_left_out} left out as empty" if result.num_left_out else ""
    sentences = f"{len(result.probes):,} sentence{'' if len(result.probes) == 1 else 's'}"
    return f"{sentences}, {result.num_tokens:,} output tokens, forced: {result.forced}{left_out}"


def _table(result: Faithfulness, section: Section) -> Table:
    table = Table("", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for column in section.columns:
        table.add_column(COLUMNS[column], justify="right", overflow="fold")
    for row in section.rows:
        cells = []
        for column in section.columns:
            cell = Text()
            if mean := result.figures.get((row.name, column)):
                cell = Text.assemble(
                    row.shown(mean),
                    "\n",
                    (row.interval(mean, column).replace(" ", "\N{NO-BREAK SPACE}"), "dim"),
                )
                cell.rstrip()
            cells.append(cell)
        table.add_row(row.label, *cells)
    return table


def _verdict(verdict: Verdict) -> Iterator[RenderableType]:
    yield Text("Does attention explain this model?", "bold")
    yield Text(verdict.words, _STYLES[verdict.answer])
    yield Text()
    for reason in verdict.reasons:
        yield Text.assemble(
            (f"{MARKS[reason.answer]} ", _STYLES[reason.answer]), f"{reason.question} {reason.answer}"
        )
        yield Padding(Text.assemble(reason.found, (f" ({reason.limits})", "dim")), (0, 0, 0, 2))
    yield Text()
    yield Text(CRITERIA, "dim")
