"""Links out of attention: each target word is linked to the source word it looked at most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regard.errors import ShapeError
from regard.records.text import Links


def links_from_attention(
    attention: np.ndarray,
    source_words: Sequence[int],
    target_words: Sequence[int],
    *,
    leave_unlinked: bool = True,
) -> Links:
    """Link every target word to the source word with the largest weight; all links are sure.

    `attention` (T, S) has a row per target token; `source_words` (S) and `target_words` (T) give the word
    each token belongs to, from zero, and -1 for a token that is no word, such as end-of-sentence. Words are put
    together first, as in `fold_tokens`. A target word gets no link where the tokens that are no word drew more
    weight than any source word; with `leave_unlinked=False` it is linked to its best word even then. A row
    of zeros gives no link. Raises ShapeError when attention and words do not fit.
    """
    _check_shape(attention, source_words, target_words)
    outside = np.asarray(source_words, dtype=int) == -1
    unlinked = attention[:, outside].sum(axis=1, keepdims=True)  # (T, 1)
    words = fold_tokens(attention, source_words, target_words)
    no_word = fold_tokens(unlinked, [0], target_words)[:, 0]
    if not words.size:
        return Links()
    best, largest = words.argmax(axis=1), words.max(axis=1)
    floor = no_word if leave_unlinked else np.zeros_like(largest)
    linked = np.flatnonzero((largest > 0) & (largest >= floor))
    return Links(frozenset((int(best[target]), int(target)) for target in linked))


def fold_tokens(
    attention: np.ndarray, source_words: Sequence[int], target_words: Sequence[int]
) -> np.ndarray:
    """Attention between words out of attention between tokens: (target words, source words).

    The weights of a source word's tokens are added, those of a target word's tokens averaged, so that a row
    still sums to at most 1. Tokens marked -1 are dropped. Raises ShapeError when attention and words do not fit.
    """
    _check_shape(attention, source_words, target_words)
    gather = _membership(source_words)  # (S, source words)
    spread = _membership(target_words)  # (T, target words)
    tokens = np.maximum(spread.sum(axis=0), 1)
    folded: np.ndarray = spread.T @ attention @ gather / tokens[:, None]
    return folded


def diagonal(source_length: int, target_length: int) -> Links:
    """The aligner that knows only lengths: each target word is linked to the source word at its height.

    Target word j of T is linked to source word ⌊(j + ½) · S / T⌋ of S. A baseline: attention that is no better
    has learnt nothing about words.
    """
    if source_length == 0:
        return Links()
    return Links(
        frozenset(
            ((2 * target + 1) * source_length // (2 * target_length), target)
            for target in range(target_length)
        )
    )


def _membership(words: Sequence[int]) -> np.ndarray:
    """A row per token, a column per word: 1 where the token belongs to the word."""
    number = np.asarray(words, dtype=int)
    columns = np.arange(number.max(initial=-1) + 1)
    belongs: np.ndarray = number[:, None] == columns  # (tokens, words)
    return belongs.astype(float)


def _check_shape(attention: np.ndarray, source_words: Sequence[int], target_words: Sequence[int]) -> None:
    expected = (len(target_words), len(source_words))
    if attention.shape != expected:
        raise ShapeError(
            f"attention: expected (target tokens, source tokens) = {expected}, got {attention.shape}; "
            "give one word number for each token"
        )
