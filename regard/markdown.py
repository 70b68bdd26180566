"""Markdown that several reports share."""

from __future__ import annotations

from collections.abc import Mapping


def table_section(title: str, rows: Mapping[str, object]) -> str:
    """Return a heading and a table of names and values; an empty string if there are no rows."""
    if not rows:
        return ""
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"## {title}\n\n| | |\n|---|---|\n{lines}"
