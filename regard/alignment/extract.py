"""Links from attention: each target word is linked to the source word with the largest attention weight."""

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

    `attention` (T, S) has a row per target token; `source_words` (S) and `target_words` (T) are the index of the word
    that each token belongs to, from zero, or -1 for a token that is no word, such as end-of-sentence. Tokens are
    merged into words first, as in `word_attention`. A target word gets no link if the tokens that are no word have
    more weight in total than any source word; on a tie the word is linked. With `leave_unlinked=False` it is linked
    to its best word in any case. Of source words with equal weights the first is linked; a row of zeros gives no
    link. Raises ShapeError when attention and words do not fit.
    """
    words = word_attention(attention, source_words, target_words)
    if not words.size:
        return Links()
    best, largest = words.argmax(axis=1), words.max(axis=1)
    linked = largest > 0
    if leave_unlinked:
        is_no_word = np.asarray(source_words, dtype=int) == -1
        no_word_weight = attention[:, is_no_word].sum(axis=1, keepdims=True)  # (T, 1)
        linked &= largest >= word_attention(no_word_weight, [0], target_words)[:, 0]
    return Links(frozenset((int(best[target]), int(target)) for target in np.flatnonzero(linked)))


def word_attention(
    attention: np.ndarray, source_words: Sequence[int], target_words: Sequence[int]
) -> np.ndarray:
    """Merge attention between tokens into attention between words: (target words, source words).

    The weights of a source word's tokens are summed, those of a target word's tokens averaged, so that a row still
    sums to at most 1, as in Clark et al. 2019. Tokens marked -1 are dropped. Raises ShapeError when attention
    and words do not fit.
    """
    _check_shape(attention, source_words, target_words)
    of_source = _membership(source_words)  # (S, source words)
    of_target = _membership(target_words)  # (T, target words)
    num_tokens = np.maximum(of_target.sum(axis=0), 1)
    merged: np.ndarray = of_target.T @ attention @ of_source / num_tokens[:, None]
    return merged


def diagonal(source_length: int, target_length: int) -> Links:
    """Link each target word to the source word at the same relative position.

    Target word j of T is linked to source word ⌊(j + ½) · S / T⌋ of S. This is a baseline: attention that is no
    better has learnt nothing about words.
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
    """Return 1 where a token (row) belongs to a word (column), 0 elsewhere."""
    indices = np.asarray(words, dtype=int)
    columns = np.arange(indices.max(initial=-1) + 1)
    belongs: np.ndarray = indices[:, None] == columns  # (tokens, words)
    return belongs.astype(float)


def _check_shape(attention: np.ndarray, source_words: Sequence[int], target_words: Sequence[int]) -> None:
    expected = (len(target_words), len(source_words))
    if attention.shape != expected:
        raise ShapeError(
            f"attention: expected (target tokens, source tokens) = {expected}, got {attention.shape}; "
            "pass one word index for each token"
        )
