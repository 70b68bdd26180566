"""Which words of a line were translated by which, as far as attention tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regard.alignment import word_attention
from regard.data.scripts import is_unspaced
from regard.records.text import Translation, Words

Span = tuple[int, int]  # first character and the one behind the last
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Attended:
    """Words of source and target as spans of their texts, and what looked at what.

    A word of a script without spaces counts as its tokens. `source_of` has the source word that each target word
    attended to most, `target_of` the target word that attended most to each source word, with the weight
    (`strength`); -1 for none. `breaks` maps where a part of the line begins or ends, in source words, to the same in
    target words.
    """

    source: list[Span]
    target: list[Span]
    source_of: NDArray[np.int64]
    target_of: NDArray[np.int64]
    strength: NDArray[np.float64]
    breaks: dict[int, int]

    def looking_into(self, first: int, last: int) -> NDArray[np.int64]:
        """The target words, in order, that attended most to one of the source words from `first` up to `last`."""
        if first in self.breaks and last in self.breaks:
            return np.arange(self.breaks[first], self.breaks[last])
        start, end = np.searchsorted(self.source_of, [first, last], sorter=self._by_source)
        found: NDArray[np.int64] = np.sort(self._by_source[start:end])
        return found

    @cached_property
    def _by_source(self) -> NDArray[np.int64]:
        """The target words in the order of what they attended to."""
        return np.argsort(self.source_of, kind="stable")


def attended(line: Translation) -> Attended:
    """What a translated line, whole or joined from sentences, attended to; it must have attention."""
    source: list[Span] = []
    target: list[Span] = []
    source_of, target_of, strength = [], [], []
    breaks = {0: 0}
    read, written = 0, 0  # characters
    for part in line.sentences or (line,):
        read, written = line.source.find(part.source, read), line.text.find(part.text, written)
        units, places = _units(part.source, part.source_words, part.source_tokens)
        new_units, new_places = _units(part.text, part.words, part.tokens)
        weights = _between_units(part, new_places, places, (len(new_units), len(units)))
        source_of.append(_most(weights, len(source)))
        target_of.append(_most(weights.T, len(target)))
        strength.append(weights.max(axis=0, initial=0.0))
        source += [(read + first, read + last) for first, last in units]
        target += [(written + first, written + last) for first, last in new_units]
        breaks[len(source)] = len(target)
        read, written = read + len(part.source), written + len(part.text)
    joined = [np.concatenate(each) for each in (source_of, target_of, strength)]
    return Attended(source, target, joined[0], joined[1], joined[2], breaks)


def _units(text: str, words: Words, tokens: Sequence[str]) -> tuple[list[Span], list[int]]:
    """The spans of a text's units, and for each token the place of its unit; -1 for none."""
    spans = [found.span() for found in _WORD.finditer(text)]
    inside: list[list[int]] = [[] for _ in spans]
    for token, place in enumerate(words.places):
        if place >= 0 and spans:
            inside[min(place, len(spans) - 1)].append(token)
    units: list[Span] = []
    places = [-1] * len(tokens)
    for (first, last), members in zip(spans, inside, strict=True):
        shown = [tokens[token].replace("▁", "") for token in members]
        fine = "".join(shown) == text[first:last] and any(map(is_unspaced, text[first:last]))
        if not fine:
            units.append((first, last))
        for token, characters in zip(members, shown, strict=True):
            if fine:
                units.append((first, first + len(characters)))
                first += len(characters)
            places[token] = len(units) - 1
    return units, places


def _between_units(
    part: Translation, targets: Sequence[int], sources: Sequence[int], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """The attention between the units of a sentence, of this shape: (target units, source units)."""
    weights = np.zeros(shape)
    if part.attention is not None:
        folded = word_attention(part.attention, sources, targets)
        weights[: folded.shape[0], : folded.shape[1]] = folded
    return weights


def _most(weights: NDArray[np.float64], before: int) -> NDArray[np.int64]:
    """For each row the column with the largest weight, `before` columns being those of earlier sentences.

    A row of zeros follows the row above it; -1 where there is none above.
    """
    if not weights.size:
        return np.full(len(weights), -1)
    best = np.where(weights.max(axis=1) > 0, weights.argmax(axis=1) + before, -1)
    above = np.maximum.accumulate(np.where(best >= 0, np.arange(len(best)), 0))
    found: NDArray[np.int64] = best[above]
    return found
