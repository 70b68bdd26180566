"""The verdict: does attention explain this model? Each rule is stated with the answer it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regard.metrics import Mean

YES, PARTLY, NO = "yes", "in part", "no"
Figures = Mapping[tuple[str, str], Mean | None]


@dataclass(frozen=True)
class Rule:
    """A question and the figure that answers it: yes from `yes` on, no below `no`, in part in between.

    A yes needs the lower end of the 95 % interval to reach `yes`, a no the upper end to be below `no`. With a
    `baseline` column, the answer is also no if even the upper end is below the baseline.
    """

    question: str
    figure: str
    column: str
    yes: float
    no: float
    says: str
    percent: bool = True
    baseline: str = ""

    def answer(self, figures: Figures) -> Reason | None:
        """Answer the question; None if the figure is missing."""
        mean = figures.get((self.figure, self.column))
        if mean is None:
            return None
        baseline = figures.get((self.figure, self.baseline)) if self.baseline else None
        low, high = (mean.value if end is None else end for end in (mean.low, mean.high))
        beaten = baseline is not None and high < baseline.value
        answer = NO if high < self.no or beaten else YES if low >= self.yes else PARTLY
        found = self.says.format(self._number(mean.value), self._interval(mean))
        limits = f"yes from {self._number(self.yes)} on, no below {self._number(self.no)}"
        if baseline is not None:
            found += f", the diagonal {self._number(baseline.value)}"
            limits += " or if clearly below the diagonal"
        return Reason(self.question, answer, f"{found}.", limits)

    def _interval(self, mean: Mean) -> str:
        if mean.low is None or mean.high is None:
            return ""
        return f" (95 %: {self._number(mean.low)} to {self._number(mean.high)})"

    def _number(self, value: float) -> str:
        return f"{100 * value:.0f} %" if self.percent else f"{value:.2f}"


@dataclass(frozen=True)
class Reason:
    """One question, its answer, the finding behind it, and the limits that decide."""

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
    "Does the output depend on the attention weights?",
    "change",
    "permuted",
    yes=0.5,
    no=0.2,
    says="With the weights permuted at one step, another token became the most probable in {} of steps{}",
)
NEEDED = Rule(
    "Does it need attention?",
    "lost",
    "uniform",
    yes=0.1,
    no=0.02,
    says="With uniform weights at every step, it predicted the next token right less often, by {} of all tokens{}",
)
TOP = Rule(
    "Does the word attended to most matter most?",
    "decisive_top_erased",
    "attention",
    yes=0.6,
    no=0.3,
    says="Where some word matters, the one attended to most was the one that matters most in {} of steps{}",
    baseline="diagonal",
)
ORDER = Rule(
    "Do the weights rank the words by how much they matter?",
    "tau_erased",
    "attention",
    yes=0.5,
    no=0.2,
    says="Kendall's τ with leave-one-out is {}{}",
    percent=False,
    baseline="diagonal",
)
AT_WORDS = Rule(
    "Does it attend to words?",
    "at_word",
    "attention",
    yes=0.8,
    no=0.5,
    says="A word, not the end of the sentence, was attended to most in {} of steps{}",
)
RULES = (DEPENDS, NEEDED, TOP, ORDER, AT_WORDS)

_WORDS = {
    YES: "Yes: the word this model attends to most is mostly the one that its output depends on.",
    PARTLY: "In part: the weights hint at which words this model's output depends on, but prove nothing.",
    NO: "No: do not read this model's weights as the reasons for its output.",
}
_UNORDERED = " Read no order into the smaller weights."
CRITERIA = (
    "The limits are our own, fixed beforehand; there are no agreed ones. The verdict is no if the first or the third "
    "question is answered no; yes if both are answered yes and neither the second nor the last is answered no; in "
    "part otherwise. The fourth decides nothing, but without a yes only the largest weight should be trusted."
)


def judge(figures: Figures) -> Verdict:
    """Answer each question, and from these the whole, by CRITERIA.

    If the output does not depend on the weights, nothing that they show can be its reason; if the top word is not the
    one that matters, they show the wrong one. τ mostly reflects the order among many words that hardly matter, about
    which other measures of importance disagree too (objections of Wiegreffe & Pinter 2019, section 2; Neely et al.
    2022).
    """
    answers = {rule: reason for rule in RULES if (reason := rule.answer(figures)) is not None}
    by_rule = {rule: reason.answer for rule, reason in answers.items()}
    decisive = [by_rule.get(rule) for rule in (DEPENDS, TOP)]
    if NO in decisive:
        answer = NO
    elif decisive == [YES, YES] and NO not in (by_rule.get(NEEDED), by_rule.get(AT_WORDS)):
        answer = YES
    else:
        answer = PARTLY
    unordered = answer != NO and by_rule.get(ORDER) != YES
    return Verdict(answer, _WORDS[answer] + (_UNORDERED if unordered else ""), tuple(answers.values()))
