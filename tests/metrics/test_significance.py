"""Paired approximate randomisation: against sacrebleu's, and by the cases it must not get wrong."""

from __future__ import annotations

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from regard.errors import DataError
from regard.metrics import (
    ErrorRate,
    ExactMatch,
    Statistics,
    bleu_metric,
    chrf_metric,
    difference,
    ter_metric,
)
from tests.metrics.test_sufficient_statistics import noisy

BASELINE, REFERENCES = noisy(3, share=0.3)
OTHER = [
    " ".join(a if place % 4 else b for place, (a, b) in enumerate(zip(x.split(), y.split(), strict=True)))
    for x, y in zip(BASELINE, REFERENCES, strict=True)
]  # every fourth word mended


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [(bleu_metric(), BLEU(), "BLEU"), (chrf_metric(), CHRF(), "chrF2"), (ter_metric(), TER(), "TER")],
)
@pytest.mark.parametrize("shown", [60, 3])
def test_p_is_that_of_sacrebleu(ours, theirs, name, shown) -> None:
    mixed = [*OTHER[:shown], *BASELINE[shown:]]
    tallies = [Statistics.compute(ours, each, [REFERENCES]) for each in (BASELINE, mixed)]
    found = difference(*tallies, trials=500)
    test = PairedTest([("a", BASELINE), ("b", mixed)], {name: theirs}, [REFERENCES], n_samples=500)
    signatures, results = test()
    if (
        shown == 60
    ):  # with three changed sentences a trial often repeats the difference, which sacrebleu leaves out
        assert found.p_value == results[name][1].p_value < 0.01
    else:
        assert found.p_value > max(results[name][1].p_value, 0.05)
    assert found.value == pytest.approx(results[name][1].score - results[name][0].score)
    assert found.signature == str(signatures[name])


@pytest.mark.parametrize(
    "metric", [bleu_metric(), chrf_metric(), ter_metric(), ExactMatch(), ErrorRate("words")]
)
def test_equal_outputs_do_not_differ(metric) -> None:
    tally = Statistics.compute(metric, BASELINE, [REFERENCES])
    found = difference(tally, tally, trials=100)
    assert (found.value, found.p_value) == (0, 1)


def test_one_sentence_more_right_proves_nothing() -> None:
    one, none = (Statistics.compute(ExactMatch(), [text, "x", "x"], [["a", "b", "c"]]) for text in ("a", "x"))
    found = difference(none, one, trials=100)
    assert found.value == pytest.approx(100 / 3)
    assert found.p_value == 1  # whoever wins the toss, the difference is as large


def test_p_worked_by_hand() -> None:
    # three sentences, all right in one system and none in the other: 2 of the 8 tosses give as large a difference
    right, wrong = (Statistics.compute(ExactMatch(), [text] * 3, [["a"] * 3]) for text in ("a", "x"))
    assert difference(wrong, right, trials=4000).p_value == pytest.approx(2 / 8, abs=0.03)


def test_a_slightly_smaller_difference_is_not_as_large() -> None:
    # 3 of 5,000 sentences: the observed difference is 0.06, and 6 of the 8 tosses give 0.02
    texts = ["a"] * 5000
    right, wrong = (
        Statistics.compute(ExactMatch(), [*[text] * 3, *texts[3:]], [texts]) for text in ("a", "x")
    )
    found = difference(wrong, right, trials=1000)
    assert found.value == pytest.approx(0.06)
    assert found.p_value == pytest.approx(2 / 8, abs=0.06)


def test_there_are_as_many_trials_as_in_sacrebleu_unless_told() -> None:
    one = Statistics.compute(ExactMatch(), ["a"], [["a"]])
    assert "|ar:10000|seed:12345|" in difference(one, one).signature


def test_the_test_has_two_sides() -> None:
    tallies = [Statistics.compute(chrf_metric(), each, [REFERENCES]) for each in (BASELINE, OTHER)]
    forth, back = difference(*tallies, trials=100), difference(*tallies[::-1], trials=100)
    assert forth.value == -back.value
    assert forth.p_value == back.p_value


def test_different_test_sets_are_refused() -> None:
    tallies = [Statistics.compute(ExactMatch(), ["a"] * number, [["a"] * number]) for number in (2, 3)]
    with pytest.raises(DataError, match="same sentences, got 2 and 3"):
        difference(*tallies)
