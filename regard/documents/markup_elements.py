"""The tree of markup elements of a text, and the words each encloses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from regard.data.markup import InlineTag, StrippedText
from regard.documents.alignment_spans import Span


@dataclass
class MarkupElement:
    """A pair of tags with the elements in it, or a single mark.

    `opening` and `closing` are indices of marks, `closing` is -1 for a single mark. It encloses the source words
    `source_start` up to `source_end` and, when projected, the target words `target_start` up to `target_end`; none
    where start and end are equal. The two flags are for a mark inside the punctuation of a word: after what opens
    the word, or before what closes it.
    """

    opening: int
    closing: int
    source_start: int
    source_end: int
    after_opening_punctuation: bool = False
    before_closing_punctuation: bool = False
    children: list[MarkupElement] = field(default_factory=list)
    target_start: int = 0
    target_end: int = 0


class _WordPosition(NamedTuple):
    """The word that a mark precedes, and on which side of a word's punctuation the mark is."""

    word: int
    after_opening_punctuation: bool = False
    before_closing_punctuation: bool = False


def build_elements(marked: StrippedText, words: Sequence[Span]) -> list[MarkupElement]:
    """Return the outermost elements of a text with these words; the others are nested in them as the tags are."""
    roots: list[MarkupElement] = []
    open_elements: list[MarkupElement] = []
    for index, mark in enumerate(marked.tags):
        if mark.kind == "close":
            open_elements.pop()
            continue
        element = _element(marked, index, words)
        (open_elements[-1].children if open_elements else roots).append(element)
        if mark.kind == "open":
            open_elements.append(element)
    return roots


def _element(marked: StrippedText, index: int, words: Sequence[Span]) -> MarkupElement:
    mark = marked.tags[index]
    start = _word_position(marked.text, mark, words)
    if mark.partner < 0:
        return MarkupElement(index, -1, start.word, *start)
    end = _word_position(marked.text, marked.tags[mark.partner], words)
    return MarkupElement(
        index,
        mark.partner,
        start.word,
        max(start.word, end.word),
        start.after_opening_punctuation,
        end.before_closing_punctuation,
    )


def _word_position(text: str, mark: InlineTag, words: Sequence[Span]) -> _WordPosition:
    """Return the word that a mark precedes; a mark inside a word goes to the side that its letters suggest."""
    word = bisect_right(words, mark.position, key=lambda span: span[1])
    if word == len(words) or words[word][0] >= mark.position:
        return _WordPosition(word)
    start, end = words[word]
    letters_before = _has_letters(text[start : mark.position])
    letters_after = _has_letters(text[mark.position : end])
    follows_word = {
        "open": not letters_after,
        "close": letters_before,
        "standalone": letters_before or not letters_after,
    }[mark.kind]
    return _WordPosition(
        word + follows_word, letters_after and not letters_before, letters_before and not letters_after
    )


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))
