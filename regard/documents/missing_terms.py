"""Warnings of glossary terms that a translation lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from regard.records.text import Translation

WarningCallback = Callable[[str], None]
_MAX_WARNINGS = 10  # lines with a warning of their own; the others are counted


class MissingTermsWarner:
    """Warns of each of the first lines that lack glossary terms, and at the end of the number of other such lines."""

    def __init__(self, warn: WarningCallback | None) -> None:
        self._warn, self._num_lines = warn, 0

    def check(self, lines: Iterable[Translation], first_line: int) -> Iterator[Translation]:
        """Yield the same lines, numbered from `first_line`, with a warning before each that lacks terms."""
        for number, line in enumerate(lines, start=first_line):
            if line.missing_terms:
                self._warn_of(number, line)
            yield line

    def warn_of_rest(self) -> None:
        """Warn of the number of lines that lacked terms and had no warning of their own."""
        num_more = self._num_lines - _MAX_WARNINGS
        if self._warn is not None and num_more > 0:
            self._warn(f"{num_more:,} more line{'s' if num_more > 1 else ''} without some glossary terms")

    def _warn_of(self, number: int, line: Translation) -> None:
        self._num_lines += 1
        if self._warn is not None and self._num_lines <= _MAX_WARNINGS:
            terms = ", ".join(repr(term) for term in dict.fromkeys(line.missing_terms))
            self._warn(f"line {number}: the glossary asks for {terms}, but the translation lacks it")
