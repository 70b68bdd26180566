"""Words by how often training saw them, worked by hand."""

from __future__ import annotations

import pytest

from regard.errors import ConfigError, DataError
from regard.metrics import FrequencyBin, by_frequency, count_words


def test_bins_worked_by_hand() -> None:
    counts = count_words(["the cat saw the dog .", "The dog ran ."])
    assert counts == {"the": 3, "cat": 1, "saw": 1, "dog": 2, ".": 2, "ran": 1}
    hypotheses = ["the dog saw the dog .", "a cat ran ."]
    references = ["the cat saw the owl .", "the cat ran ."]
    never, once, often = by_frequency(hypotheses, references, counts, (0, 1))
    # owl is wanted and not written, a written and not wanted
    assert never == FrequencyBin("0", 1, 1, 0.0, 0.0)
    # wanted: cat saw, cat ran; written: saw, cat ran
    assert once == FrequencyBin("1", 4, 3, 75.0, 100.0)
    # wanted: the the ., the .; written: the dog the dog ., .; right: the the ., .
    assert often == FrequencyBin("> 1", 5, 6, 80.0, pytest.approx(100 * 4 / 6))


def test_a_word_counts_as_often_as_both_have_it() -> None:
    assert by_frequency(["a a a"], ["a a"], {"a": 5}) == [
        FrequencyBin("5–9", 2, 3, 100.0, pytest.approx(200 / 3))
    ]


def test_words_of_one_sentence_do_not_help_another() -> None:
    assert by_frequency(["b", "a"], ["a", "b"], {}) == [FrequencyBin("0", 2, 2, 0.0, 0.0)]


def test_a_side_without_words_has_no_share() -> None:
    assert by_frequency([""], ["a"], {}) == [FrequencyBin("0", 1, 0, 0.0, None)]


def test_case_is_nothing_to_frequency_but_to_being_right_unless_told() -> None:
    assert by_frequency(["Katze"], ["katze"], {"katze": 1})[0] == FrequencyBin("1", 1, 1, 0.0, 0.0)
    assert by_frequency(["Katze"], ["katze"], {"katze": 1}, lowercase=True)[0].recall == 100


def test_labels_name_what_is_in_them() -> None:
    counts = {"a": 0, "b": 1, "c": 2, "d": 9, "e": 99, "f": 999, "g": 5000}
    labels = [row.label for row in by_frequency(["x"], ["a b c d e f g"], counts)]
    assert labels == ["0", "1", "2–4", "5–9", "10–99", "100–999", "> 999"]


def test_words_are_split_as_bleu_splits_them() -> None:
    assert count_words(["Ja, gut."]) == {"ja": 1, ",": 1, "gut": 1, ".": 1}
    assert count_words(["Ja, gut."], "none") == {"ja,": 1, "gut.": 1}


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match="got 1 translations and 2 references"):
        by_frequency(["a"], ["a", "b"], {})
    with pytest.raises(ConfigError, match="increasing numbers"):
        by_frequency(["a"], ["a"], {}, (1, 1))
    with pytest.raises(ConfigError, match="tokenise: expected one of"):
        count_words([], "moses")


def test_words_are_the_same_however_their_letters_are_spelt() -> None:
    counts = count_words(["cafe\u0301 \u095c"])
    assert counts == {"caf\u00e9": 1, "\u0921\u093c": 1}
    (found,) = by_frequency(["caf\u00e9 \u0921\u093c"], ["cafe\u0301 \u095c"], counts)
    assert (found.label, found.recall, found.precision) == ("1", 100, 100)
