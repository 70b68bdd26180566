"""Word alignment of a translated line, from its attention, as spans of the two texts."""

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

Span = tuple[int, int]  # start and end, exclusive: of characters, or of words
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class AlignedSpans:
    """The words of source and target as character spans, and which attended most to which.

    A word of a script without spaces counts as its tokens. `source_of[t]` is the source word that target word t
    attended to most, `target_of[s]` the target word that attended most to source word s, with the attention weight
    `weight_of[s]`; -1 for none. `sentence_starts` maps the first source word of each sentence (and the number of
    source words) to the first target word of the same sentence (and the number of target words).
    """

    source: list[Span]
    target: list[Span]
    source_of: NDArray[np.int64]
    target_of: NDArray[np.int64]
    weight_of: NDArray[np.float64]
    sentence_starts: dict[int, int]

    def targets_of(self, start: int, end: int) -> NDArray[np.int64]:
        """Return the target words, in order, that attended most to one of the source words `start` up to `end`."""
        if start in self.sentence_starts and end in self.sentence_starts:
            return np.arange(self.sentence_starts[start], self.sentence_starts[end])
        first, last = np.searchsorted(self.source_of, [start, end], sorter=self._targets_by_source)
        targets: NDArray[np.int64] = np.sort(self._targets_by_source[first:last])
        return targets

    @cached_property
    def _targets_by_source(self) -> NDArray[np.int64]:
        """The target words, sorted by the source word they attended to most."""
        return np.argsort(self.source_of, kind="stable")


def align_spans(line: Translation) -> AlignedSpans:
    """Align the words of a translated line, a single sentence or several joined; it must have attention."""
    source: list[Span] = []
    target: list[Span] = []
    source_of, target_of, weight_of = [], [], []
    sentence_starts = {0: 0}
    source_offset, target_offset = 0, 0  # in characters
    for part in line.sentences or (line,):
        source_offset = line.source.find(part.source, source_offset)
        target_offset = line.text.find(part.text, target_offset)
        source_spans, source_index = _word_spans(part.source, part.source_words, part.source_tokens)
        target_spans, target_index = _word_spans(part.text, part.words, part.tokens)
        weights = _word_weights(part, target_index, source_index, (len(target_spans), len(source_spans)))
        source_of.append(_most_attended(weights, len(source)))
        target_of.append(_most_attended(weights.T, len(target)))
        weight_of.append(weights.max(axis=0, initial=0.0))
        source += [(source_offset + start, source_offset + end) for start, end in source_spans]
        target += [(target_offset + start, target_offset + end) for start, end in target_spans]
        sentence_starts[len(source)] = len(target)
        source_offset += len(part.source)
        target_offset += len(part.text)
    return AlignedSpans(
        source,
        target,
        np.concatenate(source_of),
        np.concatenate(target_of),
        np.concatenate(weight_of),
        sentence_starts,
    )


def _word_spans(text: str, words: Words, tokens: Sequence[str]) -> tuple[list[Span], list[int]]:
    """Return the spans of a text's words, and for each token the index of its word; -1 for none.

    Where the tokens of a word in a script without spaces spell it exactly, each token is a word of its own.
    """
    whole_spans = [match.span() for match in _WORD.finditer(text)]
    tokens_of: list[list[int]] = [[] for _ in whole_spans]
    for token, word in enumerate(words.word_of_token):
        if word >= 0 and whole_spans:
            tokens_of[min(word, len(whole_spans) - 1)].append(token)
    spans: list[Span] = []
    word_index = [-1] * len(tokens)
    for (start, end), members in zip(whole_spans, tokens_of, strict=True):
        texts = [tokens[token].replace("▁", "") for token in members]
        is_split = "".join(texts) == text[start:end] and any(map(is_unspaced, text[start:end]))
        if not is_split:
            spans.append((start, end))
        for token, token_text in zip(members, texts, strict=True):
            if is_split:
                spans.append((start, start + len(token_text)))
                start += len(token_text)
            word_index[token] = len(spans) - 1
    return spans, word_index


def _word_weights(
    part: Translation, target_index: Sequence[int], source_index: Sequence[int], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """The attention weights between the words of a sentence, of this shape: (target words, source words)."""
    weights = np.zeros(shape)
    if part.attention is not None:
        folded = word_attention(part.attention, source_index, target_index)
        weights[: folded.shape[0], : folded.shape[1]] = folded
    return weights


def _most_attended(weights: NDArray[np.float64], offset: int) -> NDArray[np.int64]:
    """For each row the column with the largest weight, plus `offset` for the columns of earlier sentences.

    A row of zeros takes the column of the row above it; -1 if there is none above.
    """
    if not weights.size:
        return np.full(len(weights), -1)
    best = np.where(weights.max(axis=1) > 0, weights.argmax(axis=1) + offset, -1)
    last_nonzero_row = np.maximum.accumulate(np.where(best >= 0, np.arange(len(best)), 0))
    columns: NDArray[np.int64] = best[last_nonzero_row]
    return columns
