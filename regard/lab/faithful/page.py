"""Render a measurement of faithfulness as one HTML page, in the style of an evaluation's: no script, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regard.explain.heat_table import heat_html, text_html
from regard.lab.faithful.cases import NOTE, TITLE, grid_of, most_important_units, remarks
from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.measures import Probe
from regard.lab.faithful.sections import COLUMNS, Figure, Section, sections_of
from regard.lab.faithful.terminal import summary
from regard.lab.faithful.verdict import CRITERIA, NO, PARTLY, YES, Verdict
from regard.lab.page import html_page, table_html
from regard.metrics import Mean

_CLASSES = {YES: "yes", PARTLY: "partly", NO: "no"}


def html_faithfulness(result: Faithfulness, title: str, worst: int) -> str:
    """Render a report; all text from files is escaped."""
    return html_page(title, summary(result), _sections(result, result.worst(worst)))


def _sections(result: Faithfulness, worst: Sequence[Probe]) -> Iterator[str]:
    yield _verdict(result.verdict)
    for section in sections_of(result):
        yield f'<h2>{text_html(section.title)}</h2>\n<p class="soft">{text_html(section.note)}</p>'
        yield _table(result, section)
    if worst:
        yield f"<h2>{TITLE}</h2>"
        yield f'<p class="soft">{NOTE} outlined <span class="key"></span>.</p>'
        yield from map(_case, worst)


def _verdict(verdict: Verdict) -> str:
    reasons = "".join(
        f'<li class="{_CLASSES[reason.answer]}"><b>{text_html(reason.question)}</b> {reason.answer}<br>'
        f'{text_html(reason.found)} <span class="soft">({text_html(reason.limits)})</span></li>'
        for reason in verdict.reasons
    )
    return (
        f'<section class="verdict {_CLASSES[verdict.answer]}"><p>Does attention explain this model?</p>'
        f"<p><b>{text_html(verdict.words)}</b></p><ul>{reasons}</ul>"
        f'<p class="soft">{text_html(CRITERIA)}</p></section>'
    )


def _table(result: Faithfulness, section: Section) -> str:
    rows = []
    for row in section.rows:
        cells = (_cell(row, result.figures.get((row.name, column)), column) for column in section.columns)
        rows.append(f'<tr><th scope="row">{text_html(row.label)}</th>{"".join(cells)}</tr>')
    return table_html(["", *(COLUMNS[column] for column in section.columns)], rows)


def _cell(row: Figure, mean: Mean | None, column: str) -> str:
    if mean is None:
        return "<td></td>"
    bar = f' class="bar" style="--v:{min(max(100 * mean.value, 0), 100):.1f}"' if row.percent else ""
    interval = row.interval(mean, column)
    return f"<td{bar}>{row.shown(mean)}{f'<small>{interval}</small>' if interval else ''}</td>"


def _case(probe: Probe) -> str:
    outlined = {(unit, row) for row, unit in most_important_units(probe).items()}
    heat = heat_html(grid_of(probe), outlined, "its erasure changes most")
    lines = "".join(f'<p class="remark">{text_html(remark)}</p>' for remark in remarks(probe))
    return (
        f"<article><h3><span>Sentence {probe.number}</span><span>{len(remarks(probe))} of {len(probe.weights)} tokens"
        f'</span></h3><dl><dt>Source</dt><dd dir="auto">{text_html(probe.forced.source)}</dd>'
        f'<dt>Forced</dt><dd dir="auto">{text_html(probe.forced.text)}</dd></dl>'
        f'{lines}<div class="scroll">{heat}</div></article>'
    )
