"""Which word was translated by which: links read from files or from attention, and how wrong they are."""

from __future__ import annotations

from regard.alignment.aer import AlignmentScore, alignment_error_rate
from regard.alignment.extract import diagonal, fold_tokens, links_from_attention
from regard.alignment.pharaoh import format_links, parse_links, read_links
from regard.alignment.unknown import words_for_unknown

__all__ = [
    "AlignmentScore",
    "alignment_error_rate",
    "diagonal",
    "fold_tokens",
    "format_links",
    "links_from_attention",
    "parse_links",
    "read_links",
    "words_for_unknown",
]
