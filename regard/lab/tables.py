"""Evaluations as tables for the terminal."""

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


def show_evaluation(found: Evaluation) -> RenderableType:
    """The figures with their intervals and signatures, by length, by frequency, and of the word links."""
    bins = found.by_length
    columns = {
        "BLEU": [row.bleu for row in bins],
        "chrF": [row.chrf for row in bins],
        "exact match": [row.exact_match for row in bins],
    }
    parts: list[RenderableType] = [
        figure_table(found.scores),
        *([Text(task_line(found), "bold")] if found.task_rates else []),
        Text(),
        length_table(columns, bins, found.length_unit),
    ]
    if found.by_frequency:
        parts += [Text(), frequency_table(found.by_frequency)]
    if found.diagonal_aer is not None:
        parts += [Text(), alignment_table(found.aer, found.diagonal_aer)]
    signatures = [_signature(name, score) for name, score in found.scores.items()]
    return Group(*parts, Text(), *signatures)


def task_line(found: Evaluation) -> str:
    """WER and PER as grapheme-to-phoneme tasks report them."""
    rates = ", ".join(f"{name} {rate:.2f} %" for name, rate in found.task_rates.items())
    return f"as G2P tasks report it: {rates} (WER: outputs with any mistake; PER: the WER above)"


def show_comparison(found: Comparison) -> RenderableType:
    """The figures of all systems side by side with p-values, and BLEU by length."""
    bins = found.evaluations[found.baseline].by_length
    bleu = {f"BLEU {name}": [row.bleu for row in one.by_length] for name, one in found.evaluations.items()}
    tests = next(iter(found.differences.values()))
    rare: list[RenderableType] = []
    if found.evaluations[found.baseline].by_frequency:
        rare = [Text(), recall_table(found)]
    return Group(
        comparison_table(found),
        length_table(bleu, bins, found.evaluations[found.baseline].length_unit),
        *rare,
        Text(),
        *(_signature(name, MetricScore(one.value, one.signature)) for name, one in tests.items()),
    )


def comparison_table(found: Comparison) -> Table:
    """A row for each figure, a column for each system; p against the first, * where it is below SIGNIFICANT."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("%")
    for name in found.evaluations:
        table.add_column(Text(name), justify="right")
        if name in found.differences:
            table.add_column("p", justify="right")
    for figure in FIGURES:
        if not all(figure in one.scores for one in found.evaluations.values()):
            continue
        cells = []
        for name, one in found.evaluations.items():
            cells.append(one.scores[figure].figure())
            if name in found.differences:
                cells.append(_p_value(found.differences[name][figure]))
        table.add_row(name_of(figure), *cells)
    return table


def recall_table(found: Comparison) -> Table:
    """A row for each bin of frequencies in the training text, a column for each system's recall of its words."""
    table = Table("times in training", box=box.SIMPLE_HEAD)
    for name in ("words", *(f"recall % {system}" for system in found.evaluations)):
        table.add_column(Text(name), justify="right")
    recalls = [{row.label: row.recall for row in one.by_frequency} for one in found.evaluations.values()]
    for row in found.evaluations[found.baseline].by_frequency:
        if row.num_words:
            table.add_row(row.label, f"{row.num_words:,}", *(share(each[row.label]) for each in recalls))
    return table


def figure_table(scores: Mapping[str, MetricScore]) -> Table:
    """A row for each figure: its value, the 95 % interval if there is one, what it means."""
    sampled = any(score.margin is not None for score in scores.values())
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("%", justify="right")
    if sampled:
        table.add_column("95 %", justify="right")
    table.add_column("")
    for name, score in scores.items():
        margin = ["" if score.margin is None else f"± {score.margin:.2f}"] if sampled else []
        table.add_row(name_of(name), f"{score.value:.2f}", *margin, Text(MEASURES[name].meaning, "dim"))
    return table


def name_of(figure: str) -> str:
    """Its label, with an arrow down where lower is better."""
    measure = MEASURES[figure]
    return measure.label + (" ↓" if measure.lower_is_better else "")


def length_table(
    columns: Mapping[str, Sequence[float]], bins: Sequence[LengthBin], unit: str = "words"
) -> Table:
    """A row for each bin of source lengths, a column for each named figure."""
    table = Table(f"source {unit}", box=box.SIMPLE_HEAD)
    for name in ("sentences", *columns):
        table.add_column(name, justify="right")
    for row, figures in zip(bins, zip(*columns.values(), strict=True), strict=True):
        table.add_row(row.label, str(row.num_sentences), *(f"{figure:.1f}" for figure in figures))
    return table


def frequency_table(bins: Sequence[FrequencyBin]) -> Table:
    """A row for each bin of frequencies in the training text: how many words, and how many were right."""
    table = Table("times in training", box=box.SIMPLE_HEAD)
    for name in ("words", "recall %", "precision %"):
        table.add_column(name, justify="right")
    for row in bins:
        table.add_row(row.label, f"{row.num_words:,}", share(row.recall), share(row.precision))
    return table


def alignment_table(attention: AlignmentScore | None, diagonal_score: AlignmentScore) -> Table:
    """AER, precision and recall of attention and of the diagonal, in percent."""
    table = Table("word links", "AER %", "precision %", "recall %", box=box.SIMPLE_HEAD)
    for name, score in (("attention", attention), ("the diagonal", diagonal_score)):
        if score is not None:
            precision = f"{100 * score.precision:.1f}" if score.num_found else "–"  # of no link at all
            table.add_row(name, f"{100 * score.aer:.1f}", precision, f"{100 * score.recall:.1f}")
    return table


def share(percent: float | None) -> str:
    """A percentage, or a dash where there was nothing to count."""
    return "–" if percent is None else f"{percent:.1f}"


def _p_value(test: Difference) -> str:
    return f"{test.p_value:.4f}{'*' if test.p_value < SIGNIFICANT else ' '}"


def _signature(name: str, score: MetricScore) -> Text:
    """A signature is one word: it is never broken, so that it can be copied."""
    return Text(f"{MEASURES[name].label:<12} {score.signature}", "dim", no_wrap=True, overflow="ignore")
