"""Markup elements projected from source words onto target words, by attention."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from regard.documents.alignment_spans import AlignedSpans, Span
from regard.documents.markup_elements import MarkupElement


def project_elements(roots: list[MarkupElement], alignment: AlignedSpans) -> None:
    """Set the target words of every element; those of an element lie within those of its parent."""
    num_source, num_target = len(alignment.source), len(alignment.target)
    line = MarkupElement(-1, -1, 0, num_source, children=roots, target_start=0, target_end=num_target)
    pending = [line]
    while pending:
        parent = pending.pop()
        _project_children(parent, alignment)
        pending += parent.children


def _project_children(parent: MarkupElement, alignment: AlignedSpans) -> None:
    """Project the children that attract the closest words first; elements without words fit in between, last."""
    attending = {id(child): _attending_words(child, parent, alignment) for child in parent.children}
    taken: list[Span] = []
    for child in sorted(parent.children, key=lambda child: _extent(attending[id(child)])):
        span = _free_span(attending[id(child)], taken) or _single_word(child, parent, taken, alignment)
        if span is None:
            gap = _outside_taken(_gap_next_to_neighbour(child, parent, alignment), taken)
            child.target_start = child.target_end = gap
        else:
            child.target_start, child.target_end = span
            insort(taken, span)


def _attending_words(element: MarkupElement, parent: MarkupElement, alignment: AlignedSpans) -> list[int]:
    """The target words of `parent` that attended most to a source word in the element."""
    if element.source_start == element.source_end:
        return []
    targets = alignment.targets_of(element.source_start, element.source_end)
    is_inside = (targets >= parent.target_start) & (targets < parent.target_end)
    return [int(word) for word in targets[is_inside]]


def _extent(words: Sequence[int]) -> float:
    """The distance from the first to the last word; infinite if there is none."""
    return words[-1] - words[0] if words else float("inf")


def _free_span(words: Sequence[int], taken: Sequence[Span]) -> Span | None:
    """From the first to the last of the free words in the gap between taken spans that has most; None if none is."""
    words_by_gap: dict[int, list[int]] = {}
    for word in words:
        gap = bisect_right(taken, word, key=lambda span: span[0])
        if gap == 0 or taken[gap - 1][1] <= word:
            words_by_gap.setdefault(gap, []).append(word)
    if not words_by_gap:
        return None
    most = max(words_by_gap.values(), key=len)
    return most[0], most[-1] + 1


def _single_word(
    element: MarkupElement, parent: MarkupElement, taken: Sequence[Span], alignment: AlignedSpans
) -> Span | None:
    """The free target word with the largest weight on a word of the element, though it attended more to others."""
    enclosed = range(element.source_start, element.source_end)
    for source in sorted(enclosed, key=lambda source: -alignment.weight_of[source]):
        word = int(alignment.target_of[source])
        if parent.target_start <= word < parent.target_end and (span := _free_span([word], taken)):
            return span
    return None


def _gap_next_to_neighbour(element: MarkupElement, parent: MarkupElement, alignment: AlignedSpans) -> int:
    """The target word that an element without words precedes.

    It goes after the target of its left neighbour or before that of its right one, whichever has the larger weight;
    where a sentence starts in the source, to the start of the same sentence.
    """
    position = element.source_start
    if position in alignment.sentence_starts:
        return min(max(alignment.sentence_starts[position], parent.target_start), parent.target_end)
    neighbours = []  # source word, and whether the element comes after it
    if position > parent.source_start and not element.after_opening_punctuation:
        neighbours.append((position - 1, 1))
    if position < parent.source_end and not element.before_closing_punctuation:
        neighbours.append((position, 0))
    gaps = [
        (float(alignment.weight_of[source]), after, int(alignment.target_of[source]) + after)
        for source, after in neighbours
        if parent.target_start <= alignment.target_of[source] < parent.target_end
    ]
    if gaps:
        return max(gaps)[2]
    is_at_end = position >= parent.source_end > parent.source_start
    return parent.target_end if is_at_end else parent.target_start


def _outside_taken(gap: int, taken: Sequence[Span]) -> int:
    """Move a gap in the middle of a taken span to the nearer end of that span."""
    before = bisect_right(taken, gap, key=lambda span: span[0])
    start, end = taken[before - 1] if before else (gap, gap)
    if not start < gap < end:
        return gap
    return start if gap - start <= end - gap else end
