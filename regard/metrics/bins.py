"""Bins of integers: their labels, and a check of their edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from regard.errors import ConfigError


def check_edges(edges: Sequence[int]) -> None:
    """Raise ConfigError unless edges increase."""
    if not edges or any(low >= high for low, high in pairwise(edges)):
        raise ConfigError(f"edges: expected increasing numbers such as 10, 20, 30, got {list(edges)}")


def span(lowest: int, highest: int) -> str:
    """Return the label of a bin: 11–20, or 11 for a single number."""
    return str(highest) if lowest == highest else f"{lowest}–{highest}"
