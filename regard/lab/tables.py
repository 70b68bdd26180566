"""Show evaluations and comparisons as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from regard.alignment import AlignmentScore
from regard.lab.comparison import Comparison
from regard.lab.evaluation import FIGURES, Evaluation
from regard.metrics import MEASURES, Difference, FrequencyBin, LengthBin, MetricScore

SIGNIFICANT = 0.05


def show_evaluation(evaluation: Evaluation) -> RenderableType:
    """Show the figures with intervals and signatures, also by length, by frequency and for word links."""
    bins = evaluation.by_length
    columns = {
        "BLEU": [row.bleu for row in bins],
        "chrF": [row.chrf for row in bins],
        "exact match": [row.exact_match for row in bins],
    }
    parts: list[RenderableType] = [
        figure_table(evaluation.scores),
        *([Text(task_line(evaluation), "bold")] if evaluation.task_rates else []),
        Text(),
        length_table(columns, bins, evaluation.length_unit),
    ]
    if evaluation.by_frequency:
        parts += [Text(), frequency_table(evaluation.by_frequency)]
    if evaluation.diagonal_aer is not None:
        parts += [Text(), alignment_table(evaluation.aer, evaluation.diagonal_aer)]
    signatures = [_signature(name, score) for name, score in evaluation.scores.items()]
    return Group(*parts, Text(), *signatures)


def task_line(evaluation: Evaluation) -> str:
    """Format WER and PER as grapheme-to-phoneme tasks report them."""
    rates = ", ".join(f"{name} {rate:.2f} %" for name, rate in evaluation.task_rates.items())
    return f"as G2P tasks report it: {rates} (WER: outputs with any mistake; PER: the WER above)"


def show_comparison(comparison: Comparison) -> RenderableType:
    """Show the figures of all systems side by side with p-values, and BLEU by length."""
    bins = comparison.evaluations[comparison.baseline].by_length
    bleu = {
        f"BLEU {name}": [row.bleu for row in one.by_length] for name, one in comparison.evaluations.items()
    }
    tests = next(iter(comparison.differences.values()))
    rare: list[RenderableType] = []
    if comparison.evaluations[comparison.baseline].by_frequency:
        rare = [Text(), recall_table(comparison)]
    return Group(
        comparison_table(comparison),
        length_table(bleu, bins, comparison.evaluations[comparison.baseline].length_unit),
        *rare,
        Text(),
        *(_signature(name, MetricScore(one.value, one.signature)) for name, one in tests.items()),
    )


def comparison_table(comparison: Comparison) -> Table:
    """Return a row for each figure and a column for each system; * marks p-values below SIGNIFICANT."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("%")
    for name in comparison.evaluations:
        table.add_column(Text(name), justify="right")
        if name in comparison.differences:
            table.add_column("p", justify="right")
    for figure in FIGURES:
        if not all(figure in one.scores for one in comparison.evaluations.values()):
            continue
        cells = []
        for name, one in comparison.evaluations.items():
            cells.append(one.scores[figure].figure())
            if name in comparison.differences:
                cells.append(_p_value(comparison.differences[name][figure]))
        table.add_row(figure_label(figure), *cells)
    return table


def recall_table(comparison: Comparison) -> Table:
    """Return a row for each bin of training frequencies, and a column for each system's recall of those words."""
    table = Table("times in training", box=box.SIMPLE_HEAD)
    for name in ("words", *(f"recall % {system}" for system in comparison.evaluations)):
        table.add_column(Text(name), justify="right")
    recalls = [{row.label: row.recall for row in one.by_frequency} for one in comparison.evaluations.values()]
    for row in comparison.evaluations[comparison.baseline].by_frequency:
        if row.num_words:
            table.add_row(
                row.label, f"{row.num_words:,}", *(format_percent(recall[row.label]) for recall in recalls)
            )
    return table


def figure_table(scores: Mapping[str, MetricScore]) -> Table:
    """Return a row for each figure: its value, the 95 % interval if there is one, its meaning."""
    sampled = any(score.margin is not None for score in scores.values())
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("%", justify="right")
    if sampled:
        table.add_column("95 %", justify="right")
    table.add_column("")
    for name, score in scores.items():
        margin = ["" if score.margin is None else f"± {score.margin:.2f}"] if sampled else []
        table.add_row(figure_label(name), f"{score.value:.2f}", *margin, Text(MEASURES[name].meaning, "dim"))
    return table


def figure_label(figure: str) -> str:
    """Return the label of a figure, with an arrow down if lower is better."""
    measure = MEASURES[figure]
    return measure.label + (" ↓" if measure.lower_is_better else "")


def length_table(
    columns: Mapping[str, Sequence[float]], bins: Sequence[LengthBin], unit: str = "words"
) -> Table:
    """Return a row for each bin of source lengths, and a column for each named figure."""
    table = Table(f"source {unit}", box=box.SIMPLE_HEAD)
    for name in ("sentences", *columns):
        table.add_column(name, justify="right")
    for row, figures in zip(bins, zip(*columns.values(), strict=True), strict=True):
        table.add_row(row.label, str(row.num_sentences), *(f"{figure:.1f}" for figure in figures))
    return table


def frequency_table(bins: Sequence[FrequencyBin]) -> Table:
    """Return a row for each bin of training frequencies: how many words, their recall and precision."""
    table = Table("times in training", box=box.SIMPLE_HEAD)
    for name in ("words", "recall %", "precision %"):
        table.add_column(name, justify="right")
    for row in bins:
        table.add_row(
            row.label, f"{row.num_words:,}", format_percent(row.recall), format_percent(row.precision)
        )
    return table


def alignment_table(attention: AlignmentScore | None, diagonal_score: AlignmentScore) -> Table:
    """Return AER, precision and recall of attention and of the diagonal, in per cent."""
    table = Table("word links", "AER %", "precision %", "recall %", box=box.SIMPLE_HEAD)
    for name, score in (("attention", attention), ("the diagonal", diagonal_score)):
        if score is not None:
            precision = f"{100 * score.precision:.1f}" if score.num_found else "–"  # undefined without links
            table.add_row(name, f"{100 * score.aer:.1f}", precision, f"{100 * score.recall:.1f}")
    return table


def format_percent(percent: float | None) -> str:
    """Format a percentage; a dash if there was nothing to count."""
    return "–" if percent is None else f"{percent:.1f}"


def _p_value(test: Difference) -> str:
    return f"{test.p_value:.4f}{'*' if test.p_value < SIGNIFICANT else ' '}"


def _signature(name: str, score: MetricScore) -> Text:
    """Format a signature, never wrapped, so that it can be copied."""
    return Text(f"{MEASURES[name].label:<12} {score.signature}", "dim", no_wrap=True, overflow="ignore")
