"""What a report on faithfulness says, and in which order: the same for the terminal, the page and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regard.lab.faithful.disturbance import NUM_PERMUTATIONS
from regard.lab.faithful.faithfulness import Faithfulness
from regard.lab.faithful.measures import DECISIVE
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
    """One row: its name in the figures, what it is called, whether it is a share."""

    name: str
    label: str
    percent: bool = True

    def shown(self, mean: Mean) -> str:
        """The number, without its interval."""
        return f"{100 * mean.value:.1f} %" if self.percent else f"{mean.value:.2f}"

    def interval(self, mean: Mean, column: str) -> str:
        """Its 95 % interval, [59.3, 63.5]; empty where there is none, and for what needs no model."""
        if mean.low is None or mean.high is None or column in _BASELINES:
            return ""
        low, high = (f"{100 * end:.1f}" if self.percent else f"{end:.2f}" for end in (mean.low, mean.high))
        return f"[{low}, {high}]"


@dataclass(frozen=True)
class Section:
    """One table: the question it answers, how to read it, its columns, its rows."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Figure, ...]


SECTIONS = (
    Section(
        "Does the output depend on where the model looks?",
        "At one step at a time its weights are replaced, all before it as it was: by themselves in "
        f"{NUM_PERMUTATIONS} random orders (the median distance, the share of changes), or by the same weight for "
        "every source token. The distance is the total variation distance of the two distributions over the "
        "vocabulary: 0 the same, 1 nothing in common. If little changes, other weights would have explained the "
        "same output (Jain & Wallace 2019).",
        ("permuted", "uniform"),
        (
            Figure("distance", "distance of the distributions", percent=False),
            Figure("change", "another token is the most probable"),
        ),
    ),
    Section(
        "Does it need attention?",
        "The whole target is forced once with the model's weights and once with uniform ones at every step. A "
        "model that loses little does not use what its weights select. That another could have learnt to do "
        "without is a further question, which only training with `model.attention.score=uniform` answers "
        "(Wiegreffe & Pinter 2019).",
        ("own", "uniform"),
        (
            Figure("log_probability", "log-probability of a token, nats", percent=False),
            Figure("right", "the target's token is the most probable"),
        ),
    ),
    Section(
        "Do the words it looks at most matter most?",
        "Leave-one-out takes one source word out and asks how the log-probability of each output token changes "
        "(Li et al. 2016); gradient × input estimates the same to first order (Shrikumar et al. 2016). τ is "
        "Kendall's τ-b between the weights and the sizes of these changes: 1 the same order, 0 none. Top: the "
        "word looked at most is the one that matters most. The end of the sentence is no word here. The two "
        "measures do not agree with each other either: that column shows how much can be asked for. An output "
        f"token is decided by some word where erasing one changes its log-probability by {DECISIVE} nats or more.",
        ("attention", "other", "diagonal", "random"),
        (
            Figure("tau_erased", "τ with leave-one-out", percent=False),
            Figure("top_erased", "top is that of leave-one-out"),
            Figure("decisive_top_erased", "… where some word matters"),
            Figure("tau_gradient", "τ with gradient × input", percent=False),
            Figure("top_gradient", "top is that of gradient × input"),
            Figure("decisive_top_gradient", "… where some word matters"),
            Figure("decisive", "output tokens that some word decides"),
        ),
    ),
    Section(
        "Where does it look?",
        "Weight on the end of the sentence or on punctuation says little about words. Entropy is 0 where all "
        "weight lies on one token, and e to its power is among how many tokens a look is shared. A step is "
        "monotone where the word looked at most is not before that of the step before.",
        ("attention", "even", "diagonal", "random"),
        (
            Figure("end", "weight on the end of the sentence"),
            Figure("at_word", "steps that look at a word most, not at the end"),
            Figure("punctuation", "weight on punctuation"),
            Figure("entropy", "entropy of a look, nats", percent=False),
            Figure("spread", "tokens that a look is shared among", percent=False),
            Figure("monotone", "monotone steps"),
        ),
    ),
    Section(
        "Does it look at the words it translates?",
        "The error rate (AER, Och & Ney 2003; lower is better) of linking each target word to the source word it "
        "was most attended from, or that matters most to it, against the gold links. Weights that look right to "
        "people are not therefore the reasons of the model: this does not count in the verdict.",
        ("attention", "erased", "gradient", "diagonal", "random"),
        (Figure("aer", "alignment error rate"),),
    ),
)


def sections_of(found: Faithfulness) -> Iterator[Section]:
    """Those that have a figure."""
    for section in SECTIONS:
        if any((row.name, column) in found.figures for row in section.rows for column in section.columns):
            yield section
