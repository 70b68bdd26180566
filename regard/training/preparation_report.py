"""What became of a corpus when it was prepared for training, for users and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from regard.markdown import table_section


@dataclass(frozen=True)
class PreparationReport:
    """The numbers of pairs read, left out and changed, and statistics of those that are trained on.

    `num_read` counts pairs by corpus, `left_out` and `changed` by the reason; `lengths` are statistics of each side
    in tokens without END: median, mean, 95 %, most; `unknown` is each side's share of unknown tokens in training,
    `num_tokens` each vocabulary's size, `kinds` each tokeniser's kind. `notes` are warnings for the user.
    """

    num_read: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    num_training: int = 0
    num_validation: int = 0
    lengths: dict[str, dict[str, float]] = field(default_factory=dict)
    unknown: dict[str, float] = field(default_factory=dict)
    num_tokens: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def render_preparation_report(report: PreparationReport, origin: Mapping[str, str]) -> str:
    """Render a report as Markdown; `origin` maps each source of pairs to its checksum or description."""
    sizes = {
        "pairs to train on": f"{report.num_training:,}",
        "pairs to validate on": f"{report.num_validation:,}",
    }
    counts = {name: f"{count:,}" for name, count in {**report.left_out, **report.changed}.items()}
    parts = [
        "# Prepared data",
        *(f"**{note}**" for note in report.notes),
        table_section("Pairs", sizes),
        table_section("Read", {name: f"{count:,}" for name, count in report.num_read.items()}),
        table_section("Left out, or changed", counts or {"nothing": ""}),
        _sides_section(report),
        table_section("Where from (SHA-256 of files)", origin),
    ]
    return "\n\n".join(parts) + "\n"


def _sides_section(report: PreparationReport) -> str:
    """A table with a column for each side and a row for each statistic."""
    cells: dict[str, Callable[[str], str]] = {
        "tokeniser": lambda side: report.kinds[side],
        "vocabulary": lambda side: f"{report.num_tokens[side]:,}",
        "unknown tokens": lambda side: f"{100 * report.unknown[side]:.2f} %",
    }
    for name in next(iter(report.lengths.values()), {}):
        cells[f"length: {name}"] = lambda side, name=name: f"{report.lengths[side][name]:.4g}"  # type: ignore[misc]
    sides = list(report.kinds)
    rows = "\n".join(f"| {name} | {' | '.join(map(cell, sides))} |" for name, cell in cells.items())
    return f"## Sides (lengths in tokens)\n\n| | {' | '.join(sides)} |\n|---|{'---:|' * len(sides)}\n{rows}"
