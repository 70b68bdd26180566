"""Render a report as Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from rich.console import Console

from regard.explain import Grid, HeatMap
from regard.explain.words import visible
from regard.lab.cases import Case, EvaluationReport
from regard.lab.tables import figure_label, format_percent

_WIDTH = 100  # columns of a heat map


def markdown_report(report: EvaluationReport) -> str:
    """Render a report; the text of sentences is fenced, so that it cannot act as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: EvaluationReport) -> Iterator[str]:
    evaluation = report.evaluation
    yield f"# {escape(report.title)}"
    yield f"\n{report.subtitle}\n"
    scores = evaluation.scores.items()
    yield from table_markdown(
        ["figure", "%", "signature"], [[figure_label(n), s.figure(), f"`{s.signature}`"] for n, s in scores]
    )
    if report.figures_note:
        yield f"\n{report.figures_note}"
    yield "\n## By the length of the source\n"
    headers = [f"source {evaluation.length_unit}", "sentences", "BLEU", "chrF", "exact match"]
    rows = [
        [r.label, f"{r.num_sentences:,}", *_decimals(r.bleu, r.chrf, r.exact_match)]
        for r in evaluation.by_length
    ]
    yield from table_markdown(headers, rows)
    if evaluation.by_frequency:
        yield "\n## By the frequency of words in training\n"
        headers = ["times in training", "words", "recall", "precision"]
        rare = evaluation.by_frequency
        rows = [
            [r.label, f"{r.num_words:,}", format_percent(r.recall), format_percent(r.precision)] for r in rare
        ]
        yield from table_markdown(headers, rows)
    if evaluation.diagonal_aer is not None:
        yield "\n## Word links\n"
        both = {"attention": evaluation.aer, "the diagonal": evaluation.diagonal_aer}
        rows = [
            [name, *_decimals(100 * s.aer, 100 * s.precision, 100 * s.recall)]
            for name, s in both.items()
            if s
        ]
        yield from table_markdown(["word links", "AER", "precision", "recall"], rows)
    yield from _cases("The worst translations", "Those with the lowest chrF.", report.translations)
    yield from _cases("Where attention looks most wrong", report.attention_note, report.attention)


def _cases(title: str, note: str, cases: Sequence[Case]) -> Iterator[str]:
    if not cases:
        return
    yield f"\n## {title}\n\n{note}"
    for case in cases:
        sentence = case.sentence
        yield f"\n### Sentence {sentence.number}: {case.reason}\n"
        texts = [("source", sentence.source), *(("reference", text) for text in sentence.references)]
        texts.append(("translation", sentence.translation))
        lines = [f"{name:<12} {visible(text)}" for name, text in texts]
        lines += [visible(remark) for remark in case.remarks]
        yield fence_text("\n".join(lines) + ("" if case.grid is None else f"\n\n{heat_map_text(case.grid)}"))


def table_markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; the first column is left-aligned, the others right-aligned."""
    yield f"| {' | '.join(headers)} |"
    yield "|---|" + "---:|" * (len(headers) - 1)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _decimals(*figures: float) -> list[str]:
    return [f"{figure:.1f}" for figure in figures]


def fence_text(text: str) -> str:
    """Return a code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def escape(text: str) -> str:
    """Escape every character that Markdown might interpret."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", text)


def heat_map_text(grid: Grid) -> str:
    """Render an attention matrix as plain text."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as shown:
        console.print(HeatMap(grid.attention, grid.source_words, grid.target_words))
    return "\n".join(line.rstrip() for line in shown.get().rstrip("\n").split("\n"))
