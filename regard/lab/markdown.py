"""A report as Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from rich.console import Console

from regard.explain import Grid, HeatMap
from regard.explain.words import visible
from regard.lab.cases import Case, Report
from regard.lab.tables import name_of, share

_WIDTH = 100  # characters of a heat map


def markdown_report(report: Report) -> str:
    """The report; whatever a sentence holds stands inside a fence that it cannot close."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    found = report.found
    yield f"# {escaped(report.title)}"
    yield f"\n{report.subtitle}\n"
    scores = found.scores.items()
    yield from table_markdown(
        ["figure", "%", "signature"], [[name_of(n), s.figure(), f"`{s.signature}`"] for n, s in scores]
    )
    if report.figures_note:
        yield f"\n{report.figures_note}"
    yield "\n## By the length of the source\n"
    heads = [f"source {found.length_unit}", "sentences", "BLEU", "chrF", "exact match"]
    rows = [
        [r.label, f"{r.num_sentences:,}", *_decimals(r.bleu, r.chrf, r.exact_match)] for r in found.by_length
    ]
    yield from table_markdown(heads, rows)
    if found.by_frequency:
        yield "\n## By how often training saw a word\n"
        heads = ["times in training", "words", "recall", "precision"]
        rare = found.by_frequency
        rows = [[r.label, f"{r.num_words:,}", share(r.recall), share(r.precision)] for r in rare]
        yield from table_markdown(heads, rows)
    if found.diagonal_aer is not None:
        yield "\n## Word links\n"
        both = {"attention": found.aer, "the diagonal": found.diagonal_aer}
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
        one = case.sentence
        yield f"\n### Sentence {one.number}: {case.reason}\n"
        texts = [("source", one.source), *(("reference", text) for text in one.references)]
        lines = [f"{name:<12} {visible(text)}" for name, text in [*texts, ("translation", one.translation)]]
        lines += [visible(remark) for remark in case.remarks]
        yield fenced("\n".join(lines) + ("" if case.grid is None else f"\n\n{heat_text(case.grid)}"))


def table_markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table: its first column to the left, the others to the right."""
    yield f"| {' | '.join(heads)} |"
    yield "|---|" + "---:|" * (len(heads) - 1)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _decimals(*figures: float) -> list[str]:
    return [f"{figure:.1f}" for figure in figures]


def fenced(text: str) -> str:
    """A block of code whose fence is longer than any run of backticks within."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def escaped(text: str) -> str:
    """Text of which Markdown makes nothing."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", text)


def heat_text(grid: Grid) -> str:
    """The grid as plain text."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as shown:
        console.print(HeatMap(grid.attention, grid.source_words, grid.target_words))
    return "\n".join(line.rstrip() for line in shown.get().rstrip("\n").split("\n"))
