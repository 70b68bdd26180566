"""Lines cut into segments, and the translations of the segments joined into that of the line."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np

from regard.data.scripts import is_unspaced
from regard.records.text import Translation, Words

MAX_ATTENTION_SIZE = 1 << 22  # weights of the matrix of a line; above, only its segments have attention
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # where str.splitlines splits
_OUTER_SPACE = re.compile(r"([^\S\t]*)(.*?)([^\S\t]*)", re.DOTALL)


@dataclass(frozen=True)
class SegmentedLine:
    """A line as the segments to translate and the white space around them.

    `spaces[i]`, which may be empty, precedes segment i; the last one follows the last segment.
    """

    text: str
    segments: tuple[str, ...]
    spaces: tuple[str, ...]

    @classmethod
    def from_parts(cls, line: str, parts: Sequence[str]) -> SegmentedLine:
        """Segment a line into the given consecutive parts, without the white space at their ends."""
        segments, spaces = [], [""]
        for part in parts:
            segment = part.strip()
            leading, _, trailing = part.partition(segment) if segment else (part, "", "")
            spaces[-1] += leading
            if segment:
                segments.append(segment)
                spaces.append(trailing)
        return cls(line, tuple(segments), tuple(spaces))

    @classmethod
    def unsplit(cls, line: str) -> SegmentedLine:
        """Keep a line in one segment; a tab at its ends belongs to it, since features follow it."""
        match = _OUTER_SPACE.fullmatch(line) if line.strip() else None
        return cls(line, (), (line,)) if match is None else cls(line, (match[2],), (match[1], match[3]))


def join_segments(
    line: SegmentedLine, translations: Sequence[Translation], ranked: bool = True
) -> Translation:
    """Join the translations of a line's segments, with the white space that was between them.

    Tokens, log-probabilities and words are concatenated, each segment's with its `</s>`; attention is block-diagonal,
    and None for a matrix larger than `MAX_ATTENTION_SIZE`. Scores are summed. Every one of the `alternatives` takes
    one candidate from each segment: those with the next-best sums of scores or, where candidates are not `ranked`,
    the first of each segment, the second, and so on. `sentences` are the segments, if there are several.
    """
    if not any(line.spaces) and len(translations) == 1:
        return translations[0]
    combinations = _best_combinations(translations) if ranked else _parallel_combinations(translations)
    best, *others = [_join_one(line, combination) for combination in combinations]
    return replace(best, alternatives=tuple(others))


def _best_combinations(translations: Sequence[Translation]) -> list[tuple[Translation, ...]]:
    """Combine one candidate of each segment, largest sum of scores first; as many as the most candidates of one."""
    num_best = max((1 + len(translation.alternatives) for translation in translations), default=1)
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    candidates = _candidates(translations)
    for of_segment in candidates:
        extended = (
            (total + candidate.score, (*chosen, index))
            for total, chosen in best
            for index, candidate in enumerate(of_segment)
        )
        best = heapq.nlargest(num_best, extended, key=lambda combination: combination[0])
    return [
        tuple(of_segment[index] for of_segment, index in zip(candidates, chosen, strict=True))
        for _, chosen in best
    ]


def _parallel_combinations(translations: Sequence[Translation]) -> list[tuple[Translation, ...]]:
    """Combine the first candidates of all segments, then the second, as far as every segment has one."""
    return list(zip(*_candidates(translations), strict=False)) or [()]


def _candidates(translations: Sequence[Translation]) -> list[tuple[Translation, ...]]:
    return [(replace(best, alternatives=()), *best.alternatives) for best in translations]


def _join_one(line: SegmentedLine, parts: Sequence[Translation]) -> Translation:
    return Translation(
        text=_join_texts(line, [part.text for part in parts]),
        log_probability=sum(part.log_probability for part in parts),
        score=sum(part.score for part in parts),
        tokens=tuple(chain.from_iterable(part.tokens for part in parts)),
        attention=_block_diagonal(parts),
        source=line.text,
        source_tokens=tuple(chain.from_iterable(part.source_tokens for part in parts)),
        words=_concatenate_words([part.words for part in parts]),
        source_words=_concatenate_words([part.source_words for part in parts]),
        log_probabilities=tuple(chain.from_iterable(part.log_probabilities for part in parts)),
        missing_terms=tuple(chain.from_iterable(part.missing_terms for part in parts)),
        sentences=tuple(parts) if len(parts) > 1 else (),
    )


def _join_texts(line: SegmentedLine, texts: Sequence[str]) -> str:
    spaces = [_LINE_BREAKS.sub(" ", space) for space in line.spaces]
    neighbours = zip(pairwise(line.segments), pairwise(texts), strict=True)
    for index, (sources, targets) in enumerate(neighbours, start=1):
        if not spaces[index] and _needs_space(*sources, *targets):
            spaces[index] = " "
    return "".join(chain.from_iterable(zip(spaces, [*texts, ""], strict=True)))


def _needs_space(source: str, next_source: str, text: str, next_text: str) -> bool:
    """Whether adjacent segments need a space between their translations: only the source's script has none."""
    if not text or not next_text or is_unspaced(text[-1]) or is_unspaced(next_text[0]):
        return False
    return is_unspaced(source[-1]) or is_unspaced(next_source[0])


def _block_diagonal(parts: Sequence[Translation]) -> np.ndarray | None:
    """The attention of each part as a block, zeros elsewhere; None if too large, or if no part has attention."""
    if len(parts) == 1:
        return parts[0].attention
    num_tokens = sum(len(part.tokens) for part in parts)
    num_source_tokens = sum(len(part.source_tokens) for part in parts)
    if num_tokens * num_source_tokens > MAX_ATTENTION_SIZE or all(part.attention is None for part in parts):
        return None
    attention = np.zeros((num_tokens, num_source_tokens), np.float32)
    row, column = 0, 0
    for part in parts:
        next_row, next_column = row + len(part.tokens), column + len(part.source_tokens)
        if part.attention is not None:
            attention[row:next_row, column:next_column] = part.attention
        row, column = next_row, next_column
    return attention


def _concatenate_words(parts: Sequence[Words]) -> Words:
    texts: list[str] = []
    word_of_token: list[int] = []
    for part in parts:
        word_of_token += [word if word < 0 else word + len(texts) for word in part.word_of_token]
        texts += part.texts
    return Words(tuple(texts), tuple(word_of_token))
