"""Markup reinserted into a translation, where attention aligns the words that it enclosed or was next to.

Tags that enclose words enclose the target words that attended to them; any other mark goes next to the target word
that attended most to one of its neighbours. Tags stay nested as they were, and each mark comes out once.
"""

from __future__ import annotations

from regard.data.markup import StrippedText
from regard.documents.alignment_spans import align_spans
from regard.documents.markup_elements import build_elements
from regard.documents.markup_projection import project_elements
from regard.documents.markup_rendering import order_marks, render_marks
from regard.records.text import Translation


def reinsert_markup(marked: StrippedText, translation: Translation) -> str:
    """Return the translation of `marked.text` with its marks; `translation` must have attention, or no words.

    A pair of tags goes before the first and after the last target word that attended to what it encloses. Where the
    words of two elements are interleaved, the shorter one keeps its words, the longer one those on one side of it.
    """
    alignment = align_spans(translation)
    elements = build_elements(marked, alignment.source)
    project_elements(elements, alignment)
    tags = order_marks(marked.tags, elements, translation.text, alignment.target)
    return render_marks(translation.text, tags, escape=marked.escaped)
