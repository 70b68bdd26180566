"""Word alignment: links read from files or extracted from attention, and their error rate."""

from __future__ import annotations

from regard.alignment.aer import AlignmentScore, alignment_error_rate
from regard.alignment.extract import diagonal, links_from_attention, word_attention
from regard.alignment.pharaoh import format_links, parse_links, read_links
from regard.alignment.unknown import words_for_unknown

__all__ = [
    "AlignmentScore",
    "alignment_error_rate",
    "diagonal",
    "format_links",
    "links_from_attention",
    "parse_links",
    "read_links",
    "word_attention",
    "words_for_unknown",
]
