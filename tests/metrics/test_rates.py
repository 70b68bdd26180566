"""Exact match and error rates, worked by hand, and against a plain edit distance."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import DataError
from regard.metrics import ErrorRate, ExactMatch, Statistics, cer, exact_match, wer

TEXTS = st.text("ab ", max_size=6)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5)


def test_exact_match_is_a_share_of_sentences() -> None:
    assert exact_match(["k a t", "h ʊ n", "m aʊ s", "x"], ["k a t", "h ʊ n t", "m aʊ s", "y"]).value == 50


def test_sigmorphon_counts_wrong_words_and_phoneme_edits() -> None:
    # cat is right; of dog one phoneme in three is wrong, of mouse one in four is missing and one too many
    hypotheses, references = ["k æ t", "d ɑ g", "m a s z"], ["k æ t", "d ɔ g", "m aʊ ʊ s"]
    assert 100 - exact_match(hypotheses, references).value == pytest.approx(100 * 2 / 3)  # their WER
    # dog: 1 substitution; m a s z → m aʊ ʊ s: 3 substitutions, for no shorter way exists
    assert wer(hypotheses, references).value == pytest.approx(100 * 4 / 10)  # their PER


def test_word_error_rate_worked_by_hand() -> None:
    # one substitution of 3 words; one deletion of 4; one insertion beside 2: 3 edits, 9 words
    hypotheses = ["the bad cat", "a b d", "x y z"]
    references = ["the fat cat", "a b c d", "x z"]
    assert wer(hypotheses, references).value == pytest.approx(100 * 3 / 9)


def test_the_rate_is_of_the_corpus_not_the_mean_of_sentences() -> None:
    assert wer(["x", "a b c d e f g h i"], ["y", "a b c d e f g h i"]).value == pytest.approx(10)


def test_character_error_rate_counts_spaces() -> None:
    assert cer(["a bc"], ["abc"]).value == pytest.approx(100 / 3)  # one insertion for three characters


def test_an_output_for_an_empty_reference_is_all_wrong() -> None:
    assert wer(["a b"], [""]).value == 100
    assert wer([""], [""]).value == 0
    assert wer(["a b", "c"], ["", "c"]).value == pytest.approx(200)  # two edits for the one word there is


def test_unicode_forms_and_white_space_do_not_count() -> None:
    recompose, apart = "élan vital", unicodedata.normalize("NFD", "  élan \t vital")
    assert recompose != apart
    assert exact_match([apart], [recompose]).value == 100
    assert wer([apart], [recompose]).value == cer([apart], [recompose]).value == 0


def test_case_counts_unless_told() -> None:
    assert exact_match(["Ja"], ["ja"]).value == 0
    assert exact_match(["Ja"], ["ja"], lowercase=True).value == 100
    assert wer(["Ja"], ["ja"], lowercase=True).value == cer(["Ja"], ["ja"], lowercase=True).value == 0


def test_of_several_references_any_may_be_met_and_the_nearest_counts() -> None:
    references = [["a b", "k l m n"], ["a c", None]]
    assert Statistics.compute(ExactMatch(), ["a c", "k l"], references).value() == 50
    assert Statistics.compute(ErrorRate("words"), ["a c", "k l"], references).value() == pytest.approx(
        100 * 2 / 6
    )
    assert "nrefs:var" in Statistics.compute(ErrorRate("words"), ["a c", "k l"], references).score().signature


def test_the_nearest_reference_is_that_of_the_lowest_rate() -> None:
    # 3 edits of 6 words are fewer than 2 of 2
    found = Statistics.compute(ErrorRate("words"), ["a b c"], [["x b"], ["a b c d e f"]])
    assert found.value() == pytest.approx(50)


def test_signatures_tell_what_was_done() -> None:
    assert "norm:NFC" in exact_match(["a"], ["a"]).signature
    assert "unit:words" in wer(["a"], ["a"]).signature
    assert "unit:characters" in cer(["a"], ["a"]).signature
    assert "case:lc" in cer(["a"], ["a"], lowercase=True).signature
    assert "jiwer:" in wer(["a"], ["a"]).signature
    assert (
        "|bs:50|seed:12345|" in Statistics.compute(ExactMatch(), ["a"], [["a"]]).score(bootstrap=50).signature
    )


def distance(ours: list[str], theirs: list[str]) -> int:
    """Levenshtein's, as everybody first writes it."""
    if not ours or not theirs:
        return len(ours) + len(theirs)
    return min(
        distance(ours[1:], theirs) + 1,
        distance(ours, theirs[1:]) + 1,
        distance(ours[1:], theirs[1:]) + (ours[0] != theirs[0]),
    )


@given(PAIRS)
def test_rates_are_levenshteins(pairs: list[tuple[str, str]]) -> None:
    hypotheses, references = [list(side) for side in zip(*pairs, strict=True)]
    words = [(ours.split(), theirs.split()) for ours, theirs in pairs]
    total = sum(len(theirs) for _, theirs in words)
    edits = sum(distance(ours, theirs) for ours, theirs in words)
    expected = 100 * edits / total if total else 100 * (edits > 0)
    assert wer(hypotheses, references).value == pytest.approx(expected)
    assert exact_match(hypotheses, references).value == pytest.approx(
        100 * sum(ours == theirs for ours, theirs in words) / len(words)
    )


@pytest.mark.parametrize("metric", [exact_match, wer, cer])
def test_unequal_or_empty_corpora_are_refused(metric) -> None:
    with pytest.raises(DataError, match="got 2 translations and 1 references"):
        metric(["a", "b"], ["a"])
    with pytest.raises(DataError, match="got none"):
        metric([], [])
