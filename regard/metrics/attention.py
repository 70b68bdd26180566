"""How much each source piece was looked at, and how far that is from once each: no reference is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def coverage(
    attention: NDArray[np.float32], source_words: Sequence[int], target_words: Sequence[int]
) -> NDArray[np.float64]:
    """The weight that each source word drew over all target pieces, a mean over its pieces: (source words,).

    `attention` (T, S) has a row per target piece; the words each piece belongs to are counted from zero, and a piece
    marked -1, such as end-of-sentence, is left out.
    """
    source, target = np.asarray(source_words, dtype=int), np.asarray(target_words, dtype=int)
    drawn = attention[target >= 0].sum(axis=0, dtype=np.float64)  # (S,)
    words = source[source >= 0]
    number = words.max(initial=-1) + 1
    pieces = np.bincount(words, minlength=number)
    return np.bincount(words, weights=drawn[source >= 0], minlength=number) / np.maximum(pieces, 1)


def coverage_deviation(
    attention: NDArray[np.float32], source_words: Sequence[int], target_words: Sequence[int]
) -> float:
    """Mean of log(1 + (1 − c)²) over the source pieces, c the weight each drew: 0 where each drew just 1.

    It grows with words that were passed over and with words that were looked at again and again.
    Source: Rikters & Fishel 2017, section 3.1 (coverage deviation penalty, whose sign is turned here); pieces that
    are no word (-1) are left out.
    """
    source, target = np.asarray(source_words, dtype=int), np.asarray(target_words, dtype=int)
    drawn = attention[target >= 0][:, source >= 0].sum(axis=0, dtype=np.float64)
    return float(np.log1p((1 - drawn) ** 2).mean()) if drawn.size else 0.0
