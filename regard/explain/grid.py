"""Attention between words, or between tokens where a side is a single word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regard.alignment import word_attention
from regard.records.text import Translation, Words


@dataclass(frozen=True)
class Grid:
    """Attention (target words, source words) with the text of its rows and columns.

    Weights are averaged over the tokens of a target word and summed over those of a source word. A side of a single
    word (a spelled word, phonemes written together) is shown by its tokens, followed by its features if it has any.
    `ends` says that the last column is the end-of-sentence token of the source.
    """

    attention: np.ndarray
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    ends: bool = False

    @property
    def coverage(self) -> np.ndarray:
        """The sum of the weights on each source word: (source words,), without end-of-sentence."""
        coverage: np.ndarray = self.attention[:, : len(self.source_words) - self.ends].sum(axis=0)
        return coverage

    @classmethod
    def of(cls, translation: Translation) -> Grid | None:
        """Return the grid of a translation, or None if it has no attention or one side has no words."""
        if translation.attention is None:
            return None
        source = source_units(translation)
        target = _units(translation.words, translation.tokens)
        if not source.texts or not target.texts:
            return None
        end = len(source.texts)
        columns = [
            *source.word_of_token[:-1],
            end if source.word_of_token[-1] < 0 else source.word_of_token[-1],
        ]
        ends = columns[-1] == end
        labels = (*source.texts, translation.source_tokens[-1]) if ends else source.texts
        attention = word_attention(translation.attention, columns, target.word_of_token)
        return cls(attention, labels, target.texts, ends)


def source_units(translation: Translation) -> Words:
    """Return the units of the source that attention is shown for: its words, or the tokens of a single word."""
    from regard.data.features import split_features  # imports torch

    plain, features = split_features(translation.source)
    is_word = len(plain.split()) == 1
    return _units(translation.source_words, translation.source_tokens, bool(features) and is_word)


def _units(words: Words, tokens: tuple[str, ...], with_features: bool = False) -> Words:
    """Return the words, or the tokens if there is only one word or one with its features."""
    if len(words.texts) != 1 and not with_features:
        return words
    shown = [index for index, word in enumerate(words.word_of_token) if word >= 0]
    units = [-1] * len(words.word_of_token)
    for unit, index in enumerate(shown):
        units[index] = unit
    return Words(tuple(tokens[index] for index in shown), tuple(units))
