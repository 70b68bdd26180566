"""The Pharaoh format: a line of links for every sentence pair, `0-1 2-2 3p2`, source word first."""

from __future__ import annotations

import re
from pathlib import Path

from regard.errors import DataError
from regard.records.text import Links

_LINK = re.compile(r"(\d+)([-p?])(\d+)", re.ASCII)


def parse_links(line: str, *, one_indexed: bool = False, flipped: bool = False) -> Links:
    """Parse the links of one sentence pair: `0-1` is sure, `0p1` or `0?1` only possible.

    With `one_indexed` the line counts words from 1, as the WPT-2003 gold does; with `flipped` the target word comes
    first. Raises DataError naming the first link that cannot be parsed.
    """
    first = 1 if one_indexed else 0
    sure: set[tuple[int, int]] = set()
    possible: set[tuple[int, int]] = set()
    for text in line.split():
        match = _LINK.fullmatch(text)
        if match is None:
            raise DataError(f"expected links such as 0-1, 0p1 or 0?1, got {text!r}; correct or remove it")
        left, right = int(match[1]) - first, int(match[3]) - first
        if min(left, right) < 0:
            raise DataError(f"expected words counted from 1, got {text!r}; read the file as zero-indexed")
        (sure if match[2] == "-" else possible).add((right, left) if flipped else (left, right))
    return Links(frozenset(sure), frozenset(possible))


def format_links(links: Links, *, one_indexed: bool = False) -> str:
    """Format the links of one sentence pair in order, `0-1` for sure and `0p1` for possible ones."""
    first = 1 if one_indexed else 0
    return " ".join(
        f"{source + first}{'-' if (source, target) in links.sure else 'p'}{target + first}"
        for source, target in sorted(links.possible)
    )


def read_links(path: str | Path, *, one_indexed: bool = False, flipped: bool = False) -> list[Links]:
    """Read a file of links with a line for each sentence pair; an empty line is a pair without links.

    Raises DataError naming file and line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DataError(f"{path}: expected a text file of links: {reason}; check the path") from None
    return [
        _parse_line(path, number, line, one_indexed, flipped) for number, line in enumerate(lines, start=1)
    ]


def _parse_line(path: str | Path, number: int, line: str, one_indexed: bool, flipped: bool) -> Links:
    try:
        return parse_links(line, one_indexed=one_indexed, flipped=flipped)
    except DataError as error:
        raise DataError(f"{path}, line {number}: {error}") from None
