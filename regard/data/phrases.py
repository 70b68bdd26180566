"""Words and phrases in running text: where they occur as whole words, and files that list them.

A phrase occurs as whole words where no letter or digit touches it: "art" occurs in "art, of course" but not in
"artist". In scripts without spaces between words it occurs wherever its characters do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from regard.data.scripts import is_unspaced
from regard.data.text import read_lines
from regard.errors import DataError


@lru_cache(maxsize=4096)
def is_word_character(character: str) -> bool:
    """Return whether a character is part of a word: a letter, digit or combining mark of a script with spaces."""
    return unicodedata.category(character)[0] in "LNM" and not is_unspaced(character)


def occurs_in(phrase: str, text: str) -> bool:
    """Return whether a phrase occurs in a text as whole words."""
    return next(_positions(phrase, text), None) is not None


def find_phrases(phrases: Iterable[str], text: str) -> list[str]:
    """Return the phrases that occur in a text, in its order, each once; of two that overlap the longer one."""
    covered = [False] * len(text)
    found: dict[str, int] = {}
    for phrase in sorted((one for one in phrases if one in text), key=len, reverse=True):
        for position in _positions(phrase, text):
            span = slice(position, position + len(phrase))
            if not any(covered[span]):
                covered[span] = [True] * len(phrase)
                found.setdefault(phrase, position)
    return sorted(found, key=lambda phrase: found[phrase])


def read_phrases(path: str | Path) -> list[str]:
    """Read the words or phrases of a file, one per line; empty lines are skipped."""
    return [line.strip() for line in read_lines(path) if line.strip()]


def read_lexicon(path: str | Path) -> dict[str, str]:
    """Read source and target terms from a file with lines `source TAB target`; empty lines are skipped.

    Raises DataError, naming the line, for one of another form, and for a source term with two different targets.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        terms = [term.strip() for term in line.split("\t")]
        if len(terms) != 2 or not all(terms):
            raise DataError(
                f"{path}, line {number}: expected source TAB target, got {line!r}; correct the line"
            )
        source, target = terms
        if found.setdefault(source, target) != target:
            raise DataError(
                f"{path}, line {number}: {source!r} should become {target!r}, but an earlier line says "
                f"{found[source]!r}; keep one of them"
            )
    return found


def _positions(phrase: str, text: str) -> Iterator[int]:
    """Yield the position of each occurrence of a phrase as whole words."""
    start = text.find(phrase)
    while phrase and start >= 0:
        end = start + len(phrase)
        if not _is_inside_word(text, start) and not _is_inside_word(text, end):
            yield start
        start = text.find(phrase, start + 1)


def _is_inside_word(text: str, position: int) -> bool:
    """Return whether the characters before and at a position belong to one word."""
    inside = 0 < position < len(text)
    return inside and is_word_character(text[position - 1]) and is_word_character(text[position])
