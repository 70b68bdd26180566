"""The translations of a line's parts become that of the line."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np

from regard.data.scripts import is_unspaced
from regard.records.text import Translation, Words

MOST_WEIGHTS = 1 << 22  # of the matrix of a whole line; where it would be larger only the parts have theirs
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # where str.splitlines cuts
_AROUND = re.compile(r"([^\S\t]*)(.*?)([^\S\t]*)", re.DOTALL)


@dataclass(frozen=True)
class Cut:
    """A line in parts: one of `spaces`, white space or nothing, stands before each text and behind the last."""

    line: str
    texts: tuple[str, ...]
    spaces: tuple[str, ...]

    @classmethod
    def of(cls, line: str, parts: Sequence[str]) -> Cut:
        """Cut as in `parts`, which joined are the line; white space at their ends is no part of the texts."""
        texts, spaces = [], [""]
        for part in parts:
            text = part.strip()
            lead, _, trail = part.partition(text) if text else (part, "", "")
            spaces[-1] += lead
            if text:
                texts.append(text)
                spaces.append(trail)
        return cls(line, tuple(texts), tuple(spaces))

    @classmethod
    def whole(cls, line: str) -> Cut:
        """The line in one part; a tab at its ends, unlike other white space, is no space: features follow it."""
        found = _AROUND.fullmatch(line) if line.strip() else None
        return cls(line, (), (line,)) if found is None else cls(line, (found[2],), (found[1], found[3]))


def join(cut: Cut, parts: Sequence[Translation], ranked: bool = True) -> Translation:
    """The translation of a line from those of its parts, with the white space that stood between them.

    Tokens, log-probabilities and words are those of the parts one after another, each with its `</s>`; attention has
    theirs as blocks on its diagonal, and is None for a matrix of more than `MOST_WEIGHTS`. The score is the sum of
    theirs; the `alternatives` are the choices of one candidate for each part whose sums follow or, where candidates
    are not `ranked`, the first of each part, the second, and so on. `sentences` are the parts, if there are several.
    """
    if not any(cut.spaces) and len(parts) == 1:
        return parts[0]
    best, *others = [_joined(cut, way) for way in (_best_ways(parts) if ranked else _parallel_ways(parts))]
    return replace(best, alternatives=tuple(others))


def _best_ways(parts: Sequence[Translation]) -> list[tuple[Translation, ...]]:
    """As many choices of one candidate for each part as a part has candidates, the largest sum of scores first."""
    wanted = max((1 + len(part.alternatives) for part in parts), default=1)
    ways: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    candidates = _candidates(parts)
    for each in candidates:
        longer = ((total + one.score, (*way, place)) for total, way in ways for place, one in enumerate(each))
        ways = heapq.nlargest(wanted, longer, key=lambda way: way[0])
    return [tuple(each[place] for each, place in zip(candidates, way, strict=True)) for _, way in ways]


def _parallel_ways(parts: Sequence[Translation]) -> list[tuple[Translation, ...]]:
    return list(zip(*_candidates(parts), strict=False)) or [()]


def _candidates(parts: Sequence[Translation]) -> list[tuple[Translation, ...]]:
    return [(replace(part, alternatives=()), *part.alternatives) for part in parts]


def _joined(cut: Cut, parts: Sequence[Translation]) -> Translation:
    return Translation(
        text=_text(cut, [part.text for part in parts]),
        log_probability=sum(part.log_probability for part in parts),
        score=sum(part.score for part in parts),
        tokens=tuple(chain.from_iterable(part.tokens for part in parts)),
        attention=_diagonal(parts),
        source=cut.line,
        source_tokens=tuple(chain.from_iterable(part.source_tokens for part in parts)),
        words=_words([part.words for part in parts]),
        source_words=_words([part.source_words for part in parts]),
        log_probabilities=tuple(chain.from_iterable(part.log_probabilities for part in parts)),
        missing_terms=tuple(chain.from_iterable(part.missing_terms for part in parts)),
        sentences=tuple(parts) if len(parts) > 1 else (),
    )


def _text(cut: Cut, texts: Sequence[str]) -> str:
    spaces = [_LINE_BREAKS.sub(" ", space) for space in cut.spaces]
    for place, (sources, written) in enumerate(
        zip(pairwise(cut.texts), pairwise(texts), strict=True), start=1
    ):
        if not spaces[place] and _need_a_space(*sources, *written):
            spaces[place] = " "
    return "".join(chain.from_iterable(zip(spaces, [*texts, ""], strict=True)))


def _need_a_space(source: str, next_source: str, text: str, next_text: str) -> bool:
    """Whether parts that stood together are written apart: only the source's script goes without spaces."""
    if not text or not next_text or is_unspaced(text[-1]) or is_unspaced(next_text[0]):
        return False
    return is_unspaced(source[-1]) or is_unspaced(next_source[0])


def _diagonal(parts: Sequence[Translation]) -> np.ndarray | None:
    """The attention of each part as a block, zeros between them."""
    height, width = sum(len(part.tokens) for part in parts), sum(len(part.source_tokens) for part in parts)
    if height * width > MOST_WEIGHTS or all(part.attention is None for part in parts):
        return None
    weights = np.zeros((height, width), np.float32)
    row, column = 0, 0
    for part in parts:
        below, right = row + len(part.tokens), column + len(part.source_tokens)
        if part.attention is not None:
            weights[row:below, column:right] = part.attention
        row, column = below, right
    return weights


def _words(parts: Sequence[Words]) -> Words:
    texts: list[str] = []
    places: list[int] = []
    for part in parts:
        places += [place if place < 0 else place + len(texts) for place in part.word_of_token]
        texts += part.texts
    return Words(tuple(texts), tuple(places))
