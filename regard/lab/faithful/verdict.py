"""The figures put into words: does attention explain this model? Every rule is stated beside what it decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regard.metrics import Mean

YES, PARTLY, NO = "yes", "in part", "no"
Figures = Mapping[tuple[str, str], Mean | None]


@dataclass(frozen=True)
class Rule:
    """A question with the figure that answers it: yes from `yes` on, no below `no`, in part between the two.

    Both are asked of the end of the 95 % interval that makes it harder to say so. Where a `rival` column is
    named, the answer is also no if even the upper end is below that, which knows nothing of the sentence but
    its length.
    """

    question: str
    figure: str
    column: str
    yes: float
    no: float
    says: str
    percent: bool = True
    rival: str = ""

    def answer(self, figures: Figures) -> Reason | None:
        """None where the figure could not be counted."""
        mean = figures.get((self.figure, self.column))
        if mean is None:
            return None
        rival = figures.get((self.figure, self.rival)) if self.rival else None
        low, high = (mean.value if end is None else end for end in (mean.low, mean.high))
        beaten = rival is not None and high < rival.value
        given = NO if high < self.no or beaten else YES if low >= self.yes else PARTLY
        told = self.says.format(self._number(mean.value), self._interval(mean))
        if rival is not None:
            told += f", the diagonal {self._number(rival.value)}"
        return Reason(self.question, given, f"{told}.", f"{self._limits()}{self._above(rival)}")

    def _limits(self) -> str:
        return f"yes from {self._number(self.yes)} on, no below {self._number(self.no)}"

    def _above(self, rival: Mean | None) -> str:
        return "" if rival is None else " or if clearly below the diagonal"

    def _interval(self, mean: Mean) -> str:
        if mean.low is None or mean.high is None:
            return ""
        return f" (95 %: {self._number(mean.low)} to {self._number(mean.high)})"

    def _number(self, value: float) -> str:
        return f"{100 * value:.0f} %" if self.percent else f"{value:.2f}"


@dataclass(frozen=True)
class Reason:
    """One question, its answer, what was found, and by which limits that is the answer."""

    question: str
    answer: str
    found: str
    limits: str


@dataclass(frozen=True)
class Verdict:
    """Whether attention explains the model, in a sentence, and why."""

    answer: str
    words: str
    reasons: tuple[Reason, ...]


DEPENDS = Rule(
    "Does the output depend on where the model looks?",
    "change",
    "permuted",
    yes=0.5,
    no=0.2,
    says="With its weights permuted at one step, another token became the most probable in {} of steps{}",
)
NEEDED = Rule(
    "Does it need attention?",
    "lost",
    "uniform",
    yes=0.1,
    no=0.02,
    says="Looking everywhere alike throughout, it guessed the next token right less often, by {} of all tokens{}",
)
TOP = Rule(
    "Does the word looked at most matter most?",
    "decisive_top_erased",
    "attention",
    yes=0.6,
    no=0.3,
    says="Where some word matters, the one looked at most was the one whose erasure hurt most in {} of steps{}",
    rival="diagonal",
)
ORDER = Rule(
    "Is the order of the weights that of what matters?",
    "tau_erased",
    "attention",
    yes=0.5,
    no=0.2,
    says="Kendall's τ with leave-one-out is {}{}",
    percent=False,
    rival="diagonal",
)
AT_WORDS = Rule(
    "Does it look at words?",
    "at_word",
    "attention",
    yes=0.8,
    no=0.5,
    says="A word, not the end of the sentence, was looked at most in {} of steps{}",
)
RULES = (DEPENDS, NEEDED, TOP, ORDER, AT_WORDS)

_WORDS = {
    YES: "Yes: the word this model looked at most is mostly the one that moved its output.",
    PARTLY: "In part: the weights are a hint at which words moved this model's output, no proof.",
    NO: "No: do not read this model's weights as the reasons for what it wrote.",
}
_UNORDERED = " Read no order into the smaller weights."
HOW = (
    "The limits are ours, fixed beforehand; there is no agreed number. No, if the first or the third question is "
    "answered no. Yes, if these two are answered yes and the second and the last are not answered no. Else in "
    "part. The fourth decides nothing by itself, but keeps from reading more than the largest weight."
)


def judge(figures: Figures) -> Verdict:
    """The answer to each question, and to all together, as HOW says.

    Where the output does not depend on the weights, nothing that they show can be its reason; where the top
    word is not the one that matters, they show the wrong one. τ is mostly about the order among many words that
    hardly matter, and other measures of importance do not agree on that either (objections of Wiegreffe &
    Pinter 2019, section 2; Neely et al. 2022).
    """
    answers = {rule: reason for rule in RULES if (reason := rule.answer(figures)) is not None}
    given = {rule: reason.answer for rule, reason in answers.items()}
    chief = [given.get(rule) for rule in (DEPENDS, TOP)]
    if NO in chief:
        answer = NO
    elif chief == [YES, YES] and NO not in (given.get(NEEDED), given.get(AT_WORDS)):
        answer = YES
    else:
        answer = PARTLY
    unordered = answer != NO and given.get(ORDER) != YES
    return Verdict(answer, _WORDS[answer] + (_UNORDERED if unordered else ""), tuple(answers.values()))
