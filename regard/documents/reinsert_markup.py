"""Markup put back into a translation: where the words that it stood at, or enclosed, were looked at.

Tags that enclose words enclose the target words that attended to them; anything else stands beside the target word
that attended most to a neighbour of it. Tags keep the order of nesting that they had, and each comes out once.
"""

from __future__ import annotations

import html
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise

from regard.data.markup import CLOSING, OPENING, InlineTag, StrippedText
from regard.documents.alignment_spans import Attended, Span, attended
from regard.records.text import Translation

_LETTER = "a"  # any neighbour that is no punctuation
_Placed = tuple[int, InlineTag]  # before which character of the target


@dataclass
class _Element:
    """A pair of tags with what is in it, or a single mark.

    `first` up to `last` are the source words it encloses, `start` up to `end` the target words: as many as none.
    `trimmed`: it stood inside a word's punctuation: behind what opens the word, or before what closes it.
    """

    opening: int
    closing: int
    first: int
    last: int
    trimmed: tuple[bool, bool]
    children: list[_Element] = field(default_factory=list)
    start: int = 0
    end: int = 0


def place_marks(marked: StrippedText, translation: Translation) -> str:
    """The translation of `marked.text` with its marks; `translation` must have attention, or no words.

    A tag comes before the first, or behind the last, target word that attended to what it encloses. Where the words
    of two elements lie mingled, the one that reaches less far keeps its words, the other what it has on one side.
    """
    links = attended(translation)
    roots = _tree(marked, links.source)
    _place_all(roots, links)
    return _written(
        translation.text, list(_in_order(marked.tags, roots, translation.text, links.target)), marked
    )


def _tree(marked: StrippedText, spans: Sequence[Span]) -> list[_Element]:
    """The elements of a text, nested as their tags are."""
    top: list[_Element] = []
    open_ones: list[_Element] = []
    for number, mark in enumerate(marked.tags):
        if mark.kind == "close":
            open_ones.pop()
            continue
        element = _element(marked, number, spans)
        (open_ones[-1].children if open_ones else top).append(element)
        if mark.kind == "open":
            open_ones.append(element)
    return top


def _element(marked: StrippedText, number: int, spans: Sequence[Span]) -> _Element:
    mark = marked.tags[number]
    first, behind_opening, before_closing = _stand(marked.text, mark, spans)
    if mark.partner < 0:
        return _Element(number, -1, first, first, (behind_opening, before_closing))
    last, _, before_closing = _stand(marked.text, marked.tags[mark.partner], spans)
    return _Element(number, mark.partner, first, max(first, last), (behind_opening, before_closing))


def _stand(text: str, mark: InlineTag, spans: Sequence[Span]) -> tuple[int, bool, bool]:
    """Before which word a mark stands, and whether that is behind a word's opening or before its closing signs."""
    word = bisect_right(spans, mark.position, key=lambda span: span[1])
    if word == len(spans) or spans[word][0] >= mark.position:
        return word, False, False
    head = _has_letters(text[spans[word][0] : mark.position])
    rest = _has_letters(text[mark.position : spans[word][1]])
    behind = {"open": not rest, "close": head, "standalone": head or not rest}[mark.kind]
    return word + behind, rest and not head, head and not rest


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))


def _place_all(roots: list[_Element], links: Attended) -> None:
    """Give every element its target words: those of an element lie among those of the one around it."""
    whole = _Element(-1, -1, 0, len(links.source), (False, False), roots, 0, len(links.target))
    work = [whole]
    while work:
        outer = work.pop()
        _place_inside(outer, links)
        work += outer.children


def _place_inside(outer: _Element, links: Attended) -> None:
    looking = {id(each): _looking(each, outer, links) for each in outer.children if each.last > each.first}
    taken: list[Span] = []
    for each in sorted(outer.children, key=lambda each: _reach(looking.get(id(each), ()))):
        words = looking.get(id(each), [])
        span = _side(words, taken) or _only_word(each, outer, taken, links)
        if span is None:
            each.start = each.end = _beside(_gap(each, outer, links), taken)
        else:
            each.start, each.end = span
            insort(taken, span)


def _looking(element: _Element, outer: _Element, links: Attended) -> list[int]:
    """The target words inside `outer` that attended to what the element encloses."""
    found = links.looking_into(element.first, element.last)
    return [int(word) for word in found[(found >= outer.start) & (found < outer.end)]]


def _reach(words: Sequence[int]) -> float:
    """Marks that enclose nothing come last, when it is known what is taken."""
    return words[-1] - words[0] if words else float("inf")


def _side(words: Sequence[int], taken: Sequence[Span]) -> Span | None:
    """From the first to the last of the words between two taken spans: there where most of them are."""
    sides: dict[int, list[int]] = {}
    for word in words:
        before = bisect_right(taken, word, key=lambda span: span[0])
        if before == 0 or taken[before - 1][1] <= word:
            sides.setdefault(before, []).append(word)
    if not sides:
        return None
    most = max(sides.values(), key=len)
    return most[0], most[-1] + 1


def _only_word(element: _Element, outer: _Element, taken: Sequence[Span], links: Attended) -> Span | None:
    """For words that no target word attended to most: the one that attended to them more than the others."""
    inside = range(element.first, element.last)
    for source in sorted(inside, key=lambda source: -links.strength[source]):
        word = int(links.target_of[source])
        if outer.start <= word < outer.end and (span := _side([word], taken)):
            return span
    return None


def _gap(element: _Element, outer: _Element, links: Attended) -> int:
    """Before which target word a mark without words goes: beside the word that attended most to a neighbour."""
    place, (behind_opening, before_closing) = element.first, element.trimmed
    if place in links.breaks:
        return min(max(links.breaks[place], outer.start), outer.end)
    neighbours = [] if place <= outer.first or behind_opening else [(place - 1, 1)]
    neighbours += [] if place >= outer.last or before_closing else [(place, 0)]
    gaps = [
        (float(links.strength[source]), behind, int(links.target_of[source]) + behind)
        for source, behind in neighbours
        if outer.start <= links.target_of[source] < outer.end
    ]
    return max(gaps)[2] if gaps else outer.end if place >= outer.last > outer.first else outer.start


def _beside(gap: int, taken: Sequence[Span]) -> int:
    """The gap, or the nearer end of the span in the middle of which it is."""
    before = bisect_right(taken, gap, key=lambda span: span[0])
    first, last = taken[before - 1] if before else (gap, gap)
    if not first < gap < last:
        return gap
    return first if gap - first <= last - gap else last


def _in_order(
    marks: Sequence[InlineTag], roots: Sequence[_Element], text: str, words: Sequence[Span]
) -> Iterator[_Placed]:
    """The marks as they come in the target, each with its character."""
    work = _positions(roots, 0, len(text), text, words)[::-1]
    while work:
        first, last, number, element = work.pop()
        yield first, marks[number]
        if element is not None:
            if element.closing >= 0:
                work.append((last, last, element.closing, None))
            work += _positions(element.children, first, last, text, words)[::-1]


def _positions(
    elements: Sequence[_Element], first: int, last: int, text: str, words: Sequence[Span]
) -> list[tuple[int, int, int, _Element | None]]:
    """First and last character, opening mark and element, one after another between two characters."""
    found: list[tuple[int, int, int, _Element | None]] = []
    for element in sorted(elements, key=lambda each: (each.start, each.end, each.opening)):
        start, end = (min(max(place, first), last) for place in _ends(element, text, words))
        found.append((start, end, element.opening, element))
        first = end
    return found


def _ends(element: _Element, text: str, words: Sequence[Span]) -> Span:
    """The characters between which an element goes."""
    behind_opening, before_closing = element.trimmed
    if element.end > element.start:
        first, last = words[element.start][0], words[element.end - 1][1]
        opening = _opening_signs(text[slice(*words[element.start])]) if behind_opening else 0
        closing = _closing_signs(text[slice(*words[element.end - 1])]) if before_closing else 0
        return first + opening, last - closing
    if behind_opening and element.start < len(words):
        place = words[element.start][0] + _opening_signs(text[slice(*words[element.start])])
    elif element.start > 0:
        word = words[element.start - 1]
        place = word[1] - (_closing_signs(text[slice(*word)]) if before_closing else 0)
    else:
        place = words[0][0] if words else 0
    return place, place


def _opening_signs(word: str) -> int:
    """How many signs a word begins with; none if it has nothing else."""
    return next((place for place, character in enumerate(word) if character.isalnum()), 0)


def _closing_signs(word: str) -> int:
    return _opening_signs(word[::-1])


def _written(text: str, placed: Sequence[_Placed], marked: StrippedText) -> str:
    """The text with its marks; where words are parted by white space they stay so."""
    show = (lambda part: html.escape(part, quote=False)) if marked.escaped else str
    parts: list[str] = []
    position = 0
    for (first, last), group in groupby(placed, key=lambda each: _white_space(text, each[0])):
        parts += [show(text[position:first]), _between([mark for _, mark in group], text, first, last)]
        position = last
    return "".join([*parts, show(text[position:])])


def _white_space(text: str, place: int) -> Span:
    """From where to where white space reaches around a place."""
    first = last = place
    while first > 0 and text[first - 1].isspace():
        first -= 1
    while last < len(text) and text[last].isspace():
        last += 1
    return first, last


def _between(marks: Sequence[InlineTag], text: str, first: int, last: int) -> str:
    """Marks in place of the white space from `first` to `last`, which goes where they had some beside them."""
    space, at_start, at_end = text[first:last], first == 0, last == len(text)
    inside_word = not (space or at_start or at_end)
    wanted = [
        not at_start and _wants_before(marks[0], text[first - 1 : first], inside_word),
        *(
            _wants_after(left, _LETTER, inside_word) and _wants_before(right, _LETTER, inside_word)
            for left, right in pairwise(marks)
        ),
        not at_end and _wants_after(marks[-1], text[last : last + 1], inside_word),
    ]
    if space and not (at_start or at_end or any(wanted) or any(mark.separates for mark in marks)):
        closing = next((place for place, mark in enumerate(marks) if mark.kind != "close"), len(marks))
        wanted[closing] = True
    spaces = [" " if each else "" for each in wanted]
    if space and any(wanted) and not (at_start or at_end):
        spaces[wanted.index(True)] = space
    lead, trail = (space, "") if at_start else ("", space) if at_end else ("", "")
    inner = "".join(chain.from_iterable(zip(spaces, [*(mark.text for mark in marks), ""], strict=True)))
    return lead + inner + trail


def _wants_before(mark: InlineTag, neighbour: str, inside_word: bool) -> bool:
    if inside_word and mark.kind != "standalone":
        return False
    return mark.kind != "close" and neighbour not in OPENING if mark.before is None else mark.before


def _wants_after(mark: InlineTag, neighbour: str, inside_word: bool) -> bool:
    if inside_word and mark.kind != "standalone":
        return False
    return mark.kind != "open" and neighbour not in CLOSING if mark.after is None else mark.after
