from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import ConfigError, DataError
from regard.metrics import MetricScore, bleu, check_tokeniser, chrf, ter

WORDS = st.lists(st.sampled_from(["der", "Hund", "sieht", "die", "Katze", "."]), min_size=4, max_size=9)
SENTENCES = st.lists(WORDS.map(" ".join), min_size=1, max_size=4)


def test_bleu_worked_by_hand() -> None:
    # 5 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 fours; same length, so no brevity penalty
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert bleu(["a b c d x f"], ["a b c d e f"]).value == pytest.approx(expected)


def test_bleu_punishes_brevity() -> None:
    # every n-gram is right, but 4 words stand for 5: exp(1 - 5/4)
    assert bleu(["a b c d"], ["a b c d e"]).value == pytest.approx(100 * math.exp(1 - 5 / 4))


def test_bleu_counts_over_the_corpus() -> None:
    # 8 of 8 and 0 of 4 words and so on: 8/12, 6/9, 4/6, 2/3, all two thirds, by counts and not by mean
    hypotheses, references = ["a b c d", "e f g h", "x x x x"], ["a b c d", "e f g h", "i j k l"]
    assert bleu(hypotheses, references).value == pytest.approx(100 * 2 / 3)


def test_chrf_worked_by_hand() -> None:
    # "ab" against "ac": of the characters one in two is right, of the pairs none; the orders that exist: 1, 2
    assert chrf(["ab"], ["ac"]).value == pytest.approx(100 * (1 / 2 + 0) / 2)


def test_lowercase_forgives_case() -> None:
    hypotheses, references = ["Der Hund Sieht Es"], ["der hund sieht es"]
    assert bleu(hypotheses, references).value < 50
    assert bleu(hypotheses, references, lowercase=True).value == pytest.approx(100)
    assert chrf(hypotheses, references, lowercase=True).value == pytest.approx(100)


def test_tokeniser_separates_full_stops() -> None:
    hypotheses, references = ["a b c d e."], ["a b c d e ."]
    assert bleu(hypotheses, references).value == pytest.approx(100)
    assert bleu(hypotheses, references, tokenise="none").value < 90


def test_signature_tells_what_was_done() -> None:
    assert "tok:13a" in bleu(["a"], ["a"]).signature
    assert "tok:none" in bleu(["a"], ["a"], tokenise="none").signature
    assert "case:lc" in bleu(["a"], ["a"], lowercase=True).signature
    assert "version:" in chrf(["a"], ["a"]).signature


def test_unknown_tokeniser_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected one of none, .*13a.*, got '13b'"):
        bleu(["a"], ["a"], tokenise="13b")


def test_score_prints_value_and_signature() -> None:
    score = bleu(["a b c d"], ["a b c d"])
    assert str(score) == f"100.00 ({score.signature})"


@given(SENTENCES)
def test_a_copy_is_perfect(sentences: list[str]) -> None:
    assert bleu(sentences, sentences).value == pytest.approx(100)
    assert chrf(sentences, sentences).value == pytest.approx(100)


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_tiny_inputs_give_no_warning(
    metric: Callable[..., MetricScore], caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric([""], [""]).value == 0
        assert metric(["a ."] * 200, ["a ."] * 200).value >= 0
    assert not caplog.records


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_unequal_or_empty_corpora_are_refused(metric: Callable[..., MetricScore]) -> None:
    with pytest.raises(DataError, match="got 2 translations and 1 references"):
        metric(["a", "b"], ["a"])
    with pytest.raises(DataError, match="got none"):
        metric([], [])


def test_a_tokeniser_whose_library_is_missing_is_told_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise RuntimeError("needs extra\n dependencies")

    monkeypatch.setattr("sacrebleu.metrics.bleu.BLEU.__init__", missing)
    with pytest.raises(ConfigError, match=r"ja-mecab cannot be used here \(needs extra dependencies\)"):
        check_tokeniser("ja-mecab")


APART, COMPOSED = "cafe\u0301 und \u095c sind da .", "caf\u00e9 und \u0921\u093c sind da ."


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_how_a_letter_is_spelt_is_no_mistake(metric: Callable[..., MetricScore]) -> None:
    assert metric([APART], [COMPOSED]).value == pytest.approx(100)
    assert metric([COMPOSED], [APART]).value == pytest.approx(100)
    assert ter([COMPOSED], [APART]).value == 0
