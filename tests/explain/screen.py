"""A terminal of known width that remembers what was printed."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def screen(renderable: RenderableType, width: int = 80, *, colour: bool = False) -> str:
    """What a console prints: plain, as into a file, or with colours, as on a terminal."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="256" if colour else None,
        _environ={},
    )
    console.print(renderable)
    printed = console.file
    assert isinstance(printed, io.StringIO)
    return printed.getvalue()
