"""Attention as people read it: between words where a side has several, between tokens where it is one word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regard.alignment import word_attention
from regard.data.features import split_features
from regard.records.text import Translation, Words


@dataclass(frozen=True)
class Grid:
    """Attention (T, S) with the text of its rows and columns; `ends`: the last column is the end of the source.

    A row holds the mean over a target word's tokens, a column the sum over a source word's. A side of a single word
    (a spelled word, phonemes written together) is shown by its tokens; where features follow the word, each of those
    has its column beside them.
    """

    matrix: np.ndarray
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    ends: bool = False

    @property
    def coverage(self) -> np.ndarray:
        """The weight that each source word drew from all target words: (source words,), without the end."""
        drawn: np.ndarray = self.matrix[:, : len(self.source_words) - self.ends].sum(axis=0)
        return drawn

    @classmethod
    def of(cls, translation: Translation) -> Grid | None:
        """The grid of a translation; None without attention or without a word."""
        if translation.attention is None:
            return None
        source = source_units(translation)
        target = _readable(translation.words, translation.tokens)
        if not source.texts or not target.texts:
            return None
        end = len(source.texts)
        places = [*source.places[:-1], end if source.places[-1] < 0 else source.places[-1]]
        ends = places[-1] == end
        labels = (*source.texts, translation.source_tokens[-1]) if ends else source.texts
        matrix = word_attention(translation.attention, places, target.places)
        return cls(matrix, labels, target.texts, ends)


def source_units(translation: Translation) -> Words:
    """What of the source is looked at by people: its words, or the tokens where it is a single word."""
    plain, features = split_features(translation.source)
    is_word = len(plain.split()) == 1
    return _readable(translation.source_words, translation.source_tokens, bool(features) and is_word)


def _readable(words: Words, tokens: tuple[str, ...], with_features: bool = False) -> Words:
    """The words; where there is but one, or one with its features, the tokens it is written in."""
    if len(words.texts) != 1 and not with_features:
        return words
    shown = [row for row, place in enumerate(words.places) if place >= 0]
    places = [-1] * len(words.places)
    for number, row in enumerate(shown):
        places[row] = number
    return Words(tuple(tokens[row] for row in shown), tuple(places))
