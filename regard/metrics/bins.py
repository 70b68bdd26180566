"""Bins of whole numbers: their labels, and a check of their edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from regard.errors import ConfigError


def check_edges(edges: Sequence[int]) -> None:
    """Raise ConfigError for edges that do not rise."""
    if not edges or any(low >= high for low, high in pairwise(edges)):
        raise ConfigError(f"edges: expected numbers that rise, such as 10, 20, 30, got {list(edges)}")


def span(lowest: int, highest: int) -> str:
    """11–20, or 11 where that is all."""
    return str(highest) if lowest == highest else f"{lowest}–{highest}"
