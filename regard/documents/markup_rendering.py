"""Projected markup written into a text, with white space next to marks where they had it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise

from regard.data.markup import CLOSING, OPENING, InlineTag
from regard.documents.alignment_spans import Span
from regard.documents.markup_elements import MarkupElement

_ANY_LETTER = "a"  # stands for a neighbour that is no punctuation
_MarkAt = tuple[int, InlineTag]  # the offset of the character that the mark precedes
_ElementAt = tuple[
    int, int, int, MarkupElement | None
]  # start and end offset, index of its mark, element to enter


def order_marks(
    tags: Sequence[InlineTag], roots: Sequence[MarkupElement], text: str, words: Sequence[Span]
) -> Iterator[_MarkAt]:
    """Yield the marks in the order of the target text with these words, each with its character offset."""
    pending = _siblings(roots, 0, len(text), text, words)[::-1]
    while pending:
        start, end, index, element = pending.pop()
        yield start, tags[index]
        if element is not None:
            if element.closing >= 0:
                pending.append((end, end, element.closing, None))
            pending += _siblings(element.children, start, end, text, words)[::-1]


def _siblings(
    elements: Sequence[MarkupElement], start: int, end: int, text: str, words: Sequence[Span]
) -> list[_ElementAt]:
    """Sort sibling elements and fit them between two characters, each after the one before."""
    fitted: list[_ElementAt] = []
    for element in sorted(elements, key=lambda each: (each.target_start, each.target_end, each.opening)):
        first, last = (min(max(offset, start), end) for offset in _element_offsets(element, text, words))
        fitted.append((first, last, element.opening, element))
        start = last
    return fitted


def _element_offsets(element: MarkupElement, text: str, words: Sequence[Span]) -> Span:
    """The character offsets of an element's start and end, inside a word's punctuation where it was so."""
    after_opening, before_closing = element.after_opening_punctuation, element.before_closing_punctuation
    if element.target_end > element.target_start:
        first, last = words[element.target_start], words[element.target_end - 1]
        return (
            first[0] + (_num_opening_signs(text[slice(*first)]) if after_opening else 0),
            last[1] - (_num_closing_signs(text[slice(*last)]) if before_closing else 0),
        )
    if after_opening and element.target_start < len(words):
        word = words[element.target_start]
        offset = word[0] + _num_opening_signs(text[slice(*word)])
    elif element.target_start > 0:
        word = words[element.target_start - 1]
        offset = word[1] - (_num_closing_signs(text[slice(*word)]) if before_closing else 0)
    else:
        offset = words[0][0] if words else 0
    return offset, offset


def _num_opening_signs(word: str) -> int:
    """Count the punctuation that a word begins with; 0 if it is nothing but punctuation."""
    return next((index for index, character in enumerate(word) if character.isalnum()), 0)


def _num_closing_signs(word: str) -> int:
    return _num_opening_signs(word[::-1])


def render_marks(text: str, tags: Iterable[_MarkAt], escape: bool) -> str:
    """Insert ordered marks into a text, whose words stay separated by white space; `escape`: `&` becomes `&amp;`."""
    shown = (lambda part: html.escape(part, quote=False)) if escape else str
    parts: list[str] = []
    position = 0
    for (start, end), run in groupby(tags, key=lambda mark: _white_space_around(text, mark[0])):
        parts += [shown(text[position:start]), _render_run([mark for _, mark in run], text, start, end)]
        position = end
    return "".join([*parts, shown(text[position:])])


def _white_space_around(text: str, offset: int) -> Span:
    start = end = offset
    while start > 0 and text[start - 1].isspace():
        start -= 1
    while end < len(text) and text[end].isspace():
        end += 1
    return start, end


def _render_run(tags: Sequence[InlineTag], text: str, start: int, end: int) -> str:
    """Render consecutive marks in place of the white space from `start` to `end`.

    At the start and end of the text that white space stays outside. Elsewhere it goes to the first gap, before,
    between or after the marks, where white space was in the source.
    """
    space, at_start, at_end = text[start:end], start == 0, end == len(text)
    is_inside_word = not (space or at_start or at_end)
    has_space = [
        not at_start and _space_before(tags[0], text[start - 1 : start], is_inside_word),
        *(
            _space_after(left, _ANY_LETTER, is_inside_word)
            and _space_before(right, _ANY_LETTER, is_inside_word)
            for left, right in pairwise(tags)
        ),
        not at_end and _space_after(tags[-1], text[end : end + 1], is_inside_word),
    ]
    if space and not (at_start or at_end or any(has_space) or any(mark.separates for mark in tags)):
        num_closing = next((index for index, mark in enumerate(tags) if mark.kind != "close"), len(tags))
        has_space[num_closing] = True  # after the tags that close
    spaces = [" " if each else "" for each in has_space]
    if space and any(has_space) and not (at_start or at_end):
        spaces[has_space.index(True)] = space
    leading, trailing = (space, "") if at_start else ("", space) if at_end else ("", "")
    run = "".join(chain.from_iterable(zip(spaces, [*(mark.text for mark in tags), ""], strict=True)))
    return leading + run + trailing


def _space_before(mark: InlineTag, neighbour: str, is_inside_word: bool) -> bool:
    if is_inside_word and mark.kind != "standalone":
        return False
    return mark.kind != "close" and neighbour not in OPENING if mark.before is None else mark.before


def _space_after(mark: InlineTag, neighbour: str, is_inside_word: bool) -> bool:
    if is_inside_word and mark.kind != "standalone":
        return False
    return mark.kind != "open" and neighbour not in CLOSING if mark.after is None else mark.after
