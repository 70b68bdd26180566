"""Printing to a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def print_plain(console: Console, line: str) -> None:
    """Print a line without markup, colours or wrapping."""
    from rich.text import Text  # not needed by a run that shows nothing

    console.print(Text(line), soft_wrap=True)
