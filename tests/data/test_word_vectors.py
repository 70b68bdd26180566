"""Word vectors as text: word2vec's and fastText's with a head, GloVe's without."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from regard.data.word_vectors import read_word_vectors, vector_size
from regard.errors import DataError

GLOVE = "haus 1 2.5 -3\n. . . 4 5 6\nüber 7 8 9e-1\nhaus 0 0 0\n"
WORD2VEC = "4 3\n" + GLOVE.replace("\n", " \n")  # fastText ends its lines with a space


@pytest.mark.parametrize("text", [GLOVE, WORD2VEC])
def test_the_wanted_words_are_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text(text, encoding="utf-8")
    found = read_word_vectors(file, {"haus", "über", ". . .", "baum"})
    assert vector_size(file) == 3
    assert {word: vector.tolist() for word, vector in found.items()} == {
        "haus": [1, 2.5, -3],
        ". . .": [4, 5, 6],
        "über": [7, 8, pytest.approx(0.9)],
    }


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files_are_read(tmp_path: Path, suffix: str, pack) -> None:
    file = tmp_path / f"vectors.vec{suffix}"
    file.write_bytes(pack(WORD2VEC.encode()))
    assert read_word_vectors(file, {"haus"})["haus"].tolist() == [1, 2.5, -3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: expected word vectors as text"),
        ("ein satz ist kein vektor\n", "line 1: expected word vectors as text"),
        ("haus 1 2 3\nbaum 1 2\n", "line 2: expected a word and 3 numbers, got 2 numbers"),
        ("2 3\nhaus 1 2 3\nbaum 1 2 3 4\n", "line 3: expected a word and 3 numbers, got 4 numbers"),
        ("haus 1 2 3\nbaum 1 2 x\n", "line 2: number 3 is 'x'"),
        ("haus 1 2 3\nbaum nan 2 3\n", "line 2: number 1 is 'nan'"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=rf"vectors\.txt, {words}"):
        read_word_vectors(file, {"haus", "baum"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.vec: no such file"):
        vector_size(tmp_path / "none.vec")


def test_only_the_first_line_may_be_a_header_and_a_word_may_be_a_number(tmp_path: Path) -> None:
    file = tmp_path / "vectors"
    file.write_text("7 1 2 3\n", encoding="utf-8")
    assert read_word_vectors(file, {"7"})["7"].tolist() == [1, 2, 3]
    file.write_text("haus 1 2 3\n2 3\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: expected a word and 3 numbers, got 1 numbers"):
        read_word_vectors(file, {"haus"})
