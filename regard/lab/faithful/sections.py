"""The tables of a report on faithfulness, in order: the same in the terminal, on the page and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.measures import DECISIVE
from regard.lab.faithful.perturbation import NUM_PERMUTATIONS
from regard.metrics import Mean

COLUMNS = {
    "attention": "attention",
    "permuted": "permuted weights",
    "own": "its own weights",
    "uniform": "uniform weights",
    "even": "spread evenly",
    "erased": "leaving out",
    "gradient": "gradient × input",
    "other": "the other measure",
    "diagonal": "the diagonal",
    "random": "at random",
}
_BASELINES = {"even", "diagonal", "random"}


@dataclass(frozen=True)
class Figure:
    """One row: its name in the figures, its label, and whether it is a share."""

    name: str
    label: str
    percent: bool = True

    def shown(self, mean: Mean) -> str:
        """Format the number, without its interval."""
        return f"{100 * mean.value:.1f} %" if self.percent else f"{mean.value:.2f}"

    def interval(self, mean: Mean, column: str) -> str:
        """Format the 95 % interval as [59.3, 63.5]; empty if there is none, and for baselines."""
        if mean.low is None or mean.high is None or column in _BASELINES:
            return ""
        low, high = (f"{100 * end:.1f}" if self.percent else f"{end:.2f}" for end in (mean.low, mean.high))
        return f"[{low}, {high}]"


@dataclass(frozen=True)
class Section:
    """One table: the question it answers, how to read it, its columns and rows."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Figure, ...]


SECTIONS = (
    Section(
        "Does the output depend on the attention weights?",
        "The weights are replaced at one step at a time, all steps before it unchanged: by themselves in "
        f"{NUM_PERMUTATIONS} random orders (the median distance, the share of changes), or by equal weights for "
        "every source token. The distance is the total variation distance between the two distributions over the "
        "vocabulary: 0 if they are equal, 1 if they have nothing in common. If little changes, other weights would "
        "have explained the same output (Jain & Wallace 2019).",
        ("permuted", "uniform"),
        (
            Figure("distance", "distance of the distributions", percent=False),
            Figure("change", "another token is the most probable"),
        ),
    ),
    Section(
        "Does it need attention?",
        "The whole target is forced once with the model's weights and once with uniform weights at every step. A "
        "model that loses little does not use what its weights select. Whether another model could have learnt to do "
        "without attention is a further question, which only training with `model.attention.score=uniform` answers "
        "(Wiegreffe & Pinter 2019).",
        ("own", "uniform"),
        (
            Figure("log_probability", "log-probability of a token, nats", percent=False),
            Figure("right", "the target's token is the most probable"),
        ),
    ),
    Section(
        "Do the words it attends to most matter most?",
        "Leave-one-out removes one source word and measures how the log-probability of each output token changes "
        "(Li et al. 2016); gradient × input estimates the same to first order (Shrikumar et al. 2016). τ is "
        "Kendall's τ-b between the weights and the sizes of these changes: 1 for the same order, 0 for no relation. "
        "Top: the word attended to most is the one that matters most. The end of the sentence does not count as a "
        "word here. The two measures do not fully agree with each other either: that column shows how much can be "
        "expected. A word matters to an output token if erasing it changes the token's log-probability by "
        f"{DECISIVE} nats or more.",
        ("attention", "other", "diagonal", "random"),
        (
            Figure("tau_erased", "τ with leave-one-out", percent=False),
            Figure("top_erased", "top is that of leave-one-out"),
            Figure("decisive_top_erased", "… where some word matters"),
            Figure("tau_gradient", "τ with gradient × input", percent=False),
            Figure("top_gradient", "top is that of gradient × input"),
            Figure("decisive_top_gradient", "… where some word matters"),
            Figure("decisive", "output tokens to which some word matters"),
        ),
    ),
    Section(
        "Where does it attend?",
        "Weight on the end of the sentence or on punctuation says little about words. Entropy is 0 if all weight is "
        "on one token; its exponential is the effective number of tokens attended to. A step is monotone if the word "
        "attended to most is not before that of the previous step.",
        ("attention", "even", "diagonal", "random"),
        (
            Figure("end", "weight on the end of the sentence"),
            Figure("at_word", "steps that attend most to a word, not to the end"),
            Figure("punctuation", "weight on punctuation"),
            Figure("entropy", "entropy of the weights, nats", percent=False),
            Figure("spread", "effective number of tokens attended to", percent=False),
            Figure("monotone", "monotone steps"),
        ),
    ),
    Section(
        "Does it attend to the words it translates?",
        "The alignment error rate (AER, Och & Ney 2003; lower is better) of linking each target word to the source "
        "word it attends to most, or that matters most to it, against the gold links. Weights that look right to "
        "people need not be the model's reasons: this does not count in the verdict.",
        ("attention", "erased", "gradient", "diagonal", "random"),
        (Figure("aer", "alignment error rate"),),
    ),
)


def sections_of(result: Faithfulness) -> Iterator[Section]:
    """Yield the sections that have a figure."""
    for section in SECTIONS:
        if any((row.name, column) in result.figures for row in section.rows for column in section.columns):
            yield section
