"""Word vectors in the text format of word2vec, GloVe and fastText: a word and its numbers on each line.

Files of word2vec and fastText begin with a header, the number of words and the vector size; those of GloVe do not.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regard.data.text import read_lines
from regard.errors import DataError


def vector_size(path: str | Path) -> int:
    """Return the vector size of a file from its first line. Raises DataError if that is neither format."""
    first = next(iter(read_lines(path)), "")
    return _size(Path(path), first.split())


def read_word_vectors(path: str | Path, vocabulary: Collection[str]) -> dict[str, NDArray[np.float32]]:
    """Read the vectors of the words of a vocabulary that the file has; the first if a word has several.

    Raises DataError, naming file and line, for a line that is not a word and as many numbers as the first line has.
    """
    path, size = Path(path), vector_size(path)
    vectors: dict[str, NDArray[np.float32]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.rstrip().split(" ")
        if number == 1 and _is_header(fields):
            continue
        word = " ".join(fields[:-size])  # GloVe has a few words with spaces in them
        if len(fields) <= size or any(_is_number(field) for field in fields[1:-size]):
            raise DataError(
                f"{path}, line {number}: expected a word and {size} numbers, got {len(fields) - 1} numbers; "
                "download the file again or delete the line"
            )
        if word in vocabulary and word not in vectors:
            vectors[word] = _vector(path, number, fields[-size:])
    return vectors


def _size(path: Path, fields: list[str]) -> int:
    if _is_header(fields):
        return int(fields[1])
    if len(fields) < 2 or not all(map(_is_number, fields[1:])):
        raise DataError(
            f"{path}, line 1: expected word vectors as text (a word and its numbers, or two counts), got "
            f"{' '.join(fields)[:40]!r}; save a binary file as text first"
        )
    return len(fields) - 1


def _is_header(fields: list[str]) -> bool:
    """Return whether these are the two numbers of word2vec's header."""
    return len(fields) == 2 and all(field.isdecimal() for field in fields)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _vector(path: Path, line: int, fields: list[str]) -> NDArray[np.float32]:
    for index, field in enumerate(fields, start=1):
        if not _is_number(field) or not math.isfinite(float(field)):
            raise DataError(
                f"{path}, line {line}: number {index} is {field!r}; download the file again or delete the line"
            )
    return np.array(fields, dtype=np.float32)
