"""Features of a source sentence: symbols of their own behind a tab, as in `walk TAB V;PST`."""

from __future__ import annotations

from collections.abc import Sequence

from regard.errors import DataError


def split_features(text: str) -> tuple[str, list[str]]:
    """Split a source into the text before the tab and the features after it, which semicolons separate."""
    plain, _, after = text.partition("\t")
    symbols = (" ".join(symbol.split()) for symbol in after.split(";"))
    return plain, [symbol for symbol in symbols if symbol]


def join_features(plain: str, symbols: Sequence[str]) -> str:
    """Join a text and its features again; without features there is no tab."""
    return "\t".join([plain, *([";".join(symbols)] if symbols else [])])


def check_features(text: str, known: Sequence[str]) -> None:
    """Raise DataError unless a text has one tab or is empty; the error shows `known` features as an example."""
    if text.count("\t") != 1 and text.strip():
        tabs = "more than one tab" if "\t" in text else "no tab"
        example = f"walk TAB {';'.join(known[:2])}"
        raise DataError(
            f"expected a source, a tab and its features between semicolons, as in {example}; "
            f"got {text[:40]!r} with {tabs}"
        )
