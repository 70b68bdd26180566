"""Whole words in running text, and files of phrases and terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from regard.data.phrases import find_phrases, is_word_character, occurs_in, read_lexicon, read_phrases
from regard.errors import DataError


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("art", "art", True),
        ("art", "the art, of course", True),
        ("art", "(art)", True),
        ("art", "„art“", True),
        ("art", "artist", False),
        ("art", "smart", False),
        ("art", "smart artist at art", True),
        ("art", "art1", False),
        ("New York", "in New York.", True),
        ("New York", "in New Yorkshire", False),
        ("New York", "NewYork", False),
        (".", "the end.", True),  # only letters and digits can be touched by others
        ("$5", "US$5", True),
        ("$5", "US$50", False),
        ("über", "hinüber", False),
        ("é", "cafe\u0301", False),  # the accent belongs to the letter before it
        ("猫", "黑猫在家", True),  # no spaces between words, no edges
        ("แมว", "มีแมวดำ", True),
        ("art", "", False),
    ],
)
def test_where_a_phrase_stands(phrase: str, text: str, expected: bool) -> None:
    assert occurs_in(phrase, text) is expected


def test_which_characters_make_words() -> None:
    assert all(map(is_word_character, "aÄß9ж\u0301ع한"))
    assert not any(map(is_word_character, " .-'“”\t猫か"))


def test_the_longer_phrase_wins_and_each_comes_once() -> None:
    phrases = ["Haus", "weiße Haus", "Katze", "Hund"]
    assert find_phrases(phrases, "das weiße Haus der Katze und die Katze") == ["weiße Haus", "Katze"]
    assert find_phrases(phrases, "das Haus, das weiße Haus") == ["Haus", "weiße Haus"]
    assert find_phrases(phrases, "die Häuser") == []
    assert find_phrases(phrases, "Katze Hund Katze") == ["Katze", "Hund"]  # by their first occurrence
    assert find_phrases(["a b", "b c d"], "a b c d") == ["b c d"]  # they share b


def test_an_occurrence_may_overlap_one_that_is_inside_a_word() -> None:
    assert occurs_in("a a", "xa a a")
    assert not occurs_in("a a", "xa ay")
    assert find_phrases([], "die Häuser") == []


def test_files_of_phrases_and_terms(tmp_path: Path) -> None:
    phrases, terms = tmp_path / "ban.txt", tmp_path / "terms.tsv"
    phrases.write_text("woman\n\n  New York \n", encoding="utf-8")
    terms.write_text("alte Frau\told lady\n\nHund\tdog\nHund\tdog\n", encoding="utf-8")
    assert read_phrases(phrases) == ["woman", "New York"]
    assert read_lexicon(terms) == {"alte Frau": "old lady", "Hund": "dog"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Hund\tdog\nKatze cat\n", "line 2: expected source TAB target, got 'Katze cat'"),
        ("Hund\t\n", "line 1: expected source TAB target"),
        ("Hund\tdog\tmore\n", "line 1: expected source TAB target"),
        ("Hund\tdog\nHund\thound\n", "line 2: 'Hund' should become 'hound', but an earlier line says 'dog'"),
    ],
)
def test_a_line_that_is_no_term_is_named(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "terms.tsv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_lexicon(file)
