"""Any text through a translator: paragraphs, long lines, markup, streams, large files in shards."""

from __future__ import annotations

from regard.documents.lines import Document, TextOptions, translate_document, translate_lines

__all__ = ["Document", "TextOptions", "translate_document", "translate_lines"]
