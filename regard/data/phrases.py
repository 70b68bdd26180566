"""Words and phrases in running text: where they stand as whole words, and files that list them.

A phrase stands as whole words where no letter or digit touches it: "art" stands in "art, of course" and not in
"artist". Scripts that put no spaces between words have no such edge: there a phrase stands wherever it is found.
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
def joins(character: str) -> bool:
    """Whether a character makes one word with its neighbours: a letter, digit or mark of a script with spaces."""
    return unicodedata.category(character)[0] in "LNM" and not is_unspaced(character)


def stands(phrase: str, text: str) -> bool:
    """Whether a phrase stands in a text as whole words."""
    return next(_places(phrase, text), None) is not None


def find_phrases(phrases: Iterable[str], text: str) -> list[str]:
    """Those phrases that stand in a text, in its order, each once; of two that overlap the longer one."""
    taken = [False] * len(text)
    found: dict[str, int] = {}
    for phrase in sorted((one for one in phrases if one in text), key=len, reverse=True):
        for place in _places(phrase, text):
            span = slice(place, place + len(phrase))
            if not any(taken[span]):
                taken[span] = [True] * len(phrase)
                found.setdefault(phrase, place)
    return sorted(found, key=lambda phrase: found[phrase])


def read_phrases(path: str | Path) -> list[str]:
    """The words or phrases of a file, one a line; empty lines are left out."""
    return [line.strip() for line in read_lines(path) if line.strip()]


def read_lexicon(path: str | Path) -> dict[str, str]:
    """Source and target terms from a file with `source TAB target` lines; empty lines are left out.

    Raises DataError, naming the line, for one that is not so, and for a source term with two different targets.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        terms = [term.strip() for term in line.split("\t")]
        if len(terms) != 2 or not all(terms):
            raise DataError(
                f"{path}, line {number}: expected source TAB target, came {line!r}; mend the line"
            )
        source, target = terms
        if found.setdefault(source, target) != target:
            raise DataError(
                f"{path}, line {number}: {source!r} should become {target!r}, but an earlier line says "
                f"{found[source]!r}; keep one of them"
            )
    return found


def _places(phrase: str, text: str) -> Iterator[int]:
    """Where a phrase begins that stands as whole words."""
    place = text.find(phrase)
    while phrase and place >= 0:
        end = place + len(phrase)
        cut_left = place > 0 and joins(phrase[0]) and joins(text[place - 1])
        cut_right = end < len(text) and joins(phrase[-1]) and joins(text[end])
        if not cut_left and not cut_right:
            yield place
        place = text.find(phrase, place + 1)
