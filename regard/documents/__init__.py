"""Any text through a translator: paragraphs, long lines, markup, streams, large files in shards."""

from __future__ import annotations

from regard.documents.files import translate_file
from regard.documents.lines import Document, TextOptions, translate_document, translate_lines
from regard.documents.shards import Shards

__all__ = ["Document", "Shards", "TextOptions", "translate_document", "translate_file", "translate_lines"]
