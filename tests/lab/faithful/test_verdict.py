"""From figures to words, by rules that are stated."""

from __future__ import annotations

import pytest

from regard.lab.faithful.verdict import AT_WORDS, DEPENDS, NEEDED, NO, ORDER, PARTLY, TOP, YES, Rule, judge
from regard.metrics import Mean

GOOD = {
    ("change", "permuted"): Mean(0.7),
    ("lost", "uniform"): Mean(0.3),
    ("decisive_top_erased", "attention"): Mean(0.8),
    ("decisive_top_erased", "diagonal"): Mean(0.4),
    ("tau_erased", "attention"): Mean(0.6),
    ("tau_erased", "diagonal"): Mean(0.2),
    ("at_word", "attention"): Mean(0.9),
}


@pytest.mark.parametrize(
    ("mean", "answer"),
    [
        (Mean(0.5), YES),
        (Mean(0.49), PARTLY),
        (Mean(0.2), PARTLY),
        (Mean(0.19), NO),
        (Mean(0.55, 0.5, 0.6), YES),
        (Mean(0.55, 0.49, 0.6), PARTLY),  # the interval reaches below the limit
        (Mean(0.15, 0.1, 0.2), PARTLY),
        (Mean(0.15, 0.1, 0.19), NO),
    ],
)
def test_an_answer_needs_the_whole_interval(mean: Mean, answer: str) -> None:
    assert DEPENDS.answer({("change", "permuted"): mean}).answer == answer


def test_what_the_diagonal_does_better_is_no_answer() -> None:
    def answer(baseline: float, low: float, high: float) -> str:
        rule = Rule("?", "f", "attention", 0.5, 0.2, "{}{}", baseline="diagonal")
        figures = {("f", "attention"): Mean((low + high) / 2, low, high), ("f", "diagonal"): Mean(baseline)}
        return rule.answer(figures).answer

    assert answer(0.9, 0.6, 0.8) == NO
    assert answer(0.8, 0.6, 0.8) == YES
    assert answer(0.1, 0.4, 0.6) == PARTLY


def test_a_reason_names_what_was_found_and_the_limits() -> None:
    reason = TOP.answer(GOOD)
    assert reason.found.endswith("in 80 % of steps, the diagonal 40 %.")
    assert reason.limits == "yes from 60 % on, no below 30 % or if clearly below the diagonal"
    sampled = GOOD | {("tau_erased", "attention"): Mean(0.6, 0.55, 0.651)}
    assert "τ with leave-one-out is 0.60 (95 %: 0.55 to 0.65)" in ORDER.answer(sampled).found


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({}, YES),
        ({DEPENDS: 0.1}, NO),
        ({TOP: 0.2}, NO),
        ({DEPENDS: 0.3}, PARTLY),
        ({TOP: 0.5}, PARTLY),
        ({ORDER: 0.3}, YES),
        ({ORDER: 0.1}, YES),
        ({NEEDED: 0.0}, PARTLY),
        ({AT_WORDS: 0.2}, PARTLY),
    ],
)
def test_the_whole_is_as_the_rules_say(changed: dict[Rule, float], answer: str) -> None:
    figures = GOOD | {(rule.figure, rule.column): Mean(value) for rule, value in changed.items()}
    verdict = judge(figures)
    assert verdict.answer == answer
    assert verdict.words.lower().startswith(answer)
    assert len(verdict.reasons) == 5
    assert ("no order into the smaller weights" in verdict.words) == (ORDER in changed)


def test_what_was_not_counted_is_no_reason_for_a_yes() -> None:
    figures = {key: mean for key, mean in GOOD.items() if key[0] != "decisive_top_erased"}
    verdict = judge(figures)
    assert verdict.answer == PARTLY
    assert [reason.question for reason in verdict.reasons].count(TOP.question) == 0
