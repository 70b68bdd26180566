"""Glossary terms that were not written: which, and in which lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from regard.records.text import Translation

Warn = Callable[[str], None]
_LINES = 10  # that are told of one by one


class Unmet:
    """Tells of the first lines that lack terms by their number, and in the end how many more there were."""

    def __init__(self, warn: Warn | None) -> None:
        self._warn, self._lines = warn, 0

    def watching(self, lines: Iterator[Translation], first_line: int) -> Iterator[Translation]:
        """The same lines, counted from `first_line`; each that lacks something is told of when it comes."""
        for number, line in enumerate(lines, start=first_line):
            if line.missing_terms:
                self._tell(number, line)
            yield line

    def tell_rest(self) -> None:
        """Tell how many lines were not told of."""
        more = self._lines - _LINES
        if self._warn is not None and more > 0:
            self._warn(f"{more:,} more line{'s' if more > 1 else ''} without some of the glossary's terms")

    def _tell(self, number: int, line: Translation) -> None:
        self._lines += 1
        if self._warn is not None and self._lines <= _LINES:
            terms = ", ".join(repr(term) for term in dict.fromkeys(line.missing_terms))
            self._warn(f"line {number}: the glossary asks for {terms}, and the translation does not have it")
