"""Values, intervals and signatures are those that sacrebleu itself gives."""

from __future__ import annotations

import random

import pytest
import sacrebleu

from regard.metrics import (
    ExactMatch,
    Metric,
    MetricScore,
    Statistics,
    bleu_metric,
    chrf_metric,
    ter,
    ter_metric,
)

WORDS = ["the", "a", "old", "young", "man", "woman", "dog", "sees", "hears", "loves", "laughs", "."]


def noisy(seed: int, share: float = 0.3, number: int = 60) -> tuple[list[str], list[str]]:
    """References, and outputs that have some words of theirs wrong."""
    drawn = random.Random(seed)
    references = [[drawn.choice(WORDS) for _ in range(drawn.randint(5, 12))] for _ in range(number)]
    outputs = [[drawn.choice(WORDS) if drawn.random() < share else w for w in one] for one in references]
    return [" ".join(one) for one in outputs], [" ".join(one) for one in references]


OUTPUTS, REFERENCES = noisy(1)
OTHERS = noisy(2)[1]
SACREBLEU = [
    (bleu_metric(), sacrebleu.metrics.BLEU(force=True)),
    (bleu_metric(lowercase=True, tokenise="char"), sacrebleu.metrics.BLEU(lowercase=True, tokenize="char")),
    (chrf_metric(), sacrebleu.metrics.CHRF()),
    (ter_metric(), sacrebleu.metrics.TER()),
]


@pytest.mark.parametrize(("ours", "theirs"), SACREBLEU)
@pytest.mark.parametrize(
    "references", [[REFERENCES], [REFERENCES, OTHERS], [REFERENCES, [None, *OTHERS[1:]]]]
)
def test_intervals_are_those_of_sacrebleu(
    ours: Metric, theirs: sacrebleu.metrics.base.Metric, references: list[list[str | None]]
) -> None:
    found = Statistics.compute(ours, OUTPUTS, references).score(bootstrap=200)
    expected = theirs.corpus_score(OUTPUTS, references, n_bootstrap=200)
    assert found.value == expected.score
    assert found.margin == pytest.approx(expected._ci, rel=1e-4)  # sacrebleu adds up in single precision
    assert found.signature == str(theirs.get_signature())


@pytest.mark.parametrize(("ours", "theirs"), SACREBLEU)
def test_without_samples_there_is_no_interval(ours: Metric, theirs: sacrebleu.metrics.base.Metric) -> None:
    found = Statistics.compute(ours, OUTPUTS, [REFERENCES]).score()
    theirs.n_bootstrap = theirs.seed = None
    theirs.corpus_score(OUTPUTS, [REFERENCES])
    assert found.margin is None
    assert found.signature == str(theirs.get_signature())


def test_ter_worked_by_hand() -> None:
    # "c" goes to the front in one shift, "x" takes the place of "d": 2 edits for 8 words
    assert ter(["c a b x", "e f g h"], ["a b c d", "e f g h"]).value == pytest.approx(25)


def test_a_part_of_the_corpus_counts_as_a_corpus() -> None:
    tally = Statistics.compute(bleu_metric(), OUTPUTS, [REFERENCES])
    rows = [3, 5, 8]
    alone = Statistics.compute(bleu_metric(), [OUTPUTS[r] for r in rows], [[REFERENCES[r] for r in rows]])
    assert tally.value(rows) == alone.value()


def test_every_sentence_has_its_own_figure() -> None:
    chrf = sacrebleu.metrics.CHRF()
    expected = [
        chrf.sentence_score(ours, [theirs]).score for ours, theirs in zip(OUTPUTS, REFERENCES, strict=True)
    ]
    assert Statistics.compute(chrf_metric(), OUTPUTS, [REFERENCES]).sentence_values() == pytest.approx(
        expected
    )


def test_where_all_sentences_are_alike_nothing_is_uncertain() -> None:
    assert Statistics.compute(ExactMatch(), ["a"] * 9, [["a"] * 9]).score(bootstrap=100).margin == 0


def test_of_one_right_in_two_the_interval_is_as_wide_as_it_should_be() -> None:
    tally = Statistics.compute(ExactMatch(), ["a", "b"] * 200, [["a"] * 400])
    # a mean of 400 coins has a standard deviation of 2.5 %, and 95 % lie within 1.96 of those
    assert tally.score(bootstrap=1000).margin == pytest.approx(4.9, abs=0.5)


def test_a_score_prints_what_is_known() -> None:
    assert str(MetricScore(35.214, "nrefs:1")) == "35.21 (nrefs:1)"
    assert str(MetricScore(35.214, "nrefs:1", 1.305)) == "35.21 ± 1.30 (nrefs:1)"
