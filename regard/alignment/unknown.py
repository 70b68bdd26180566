"""Replacement of unknown output words by the source words they attended to."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from regard.alignment.extract import links_from_attention
from regard.records.text import Words


def words_for_unknown(
    attention: np.ndarray,
    source: Words,
    target: Words,
    unknown: Collection[int],
    lexicon: Mapping[str, str],
) -> dict[int, str]:
    """Return for each `unknown` target word its attended source word, or the lexicon's translation of that word.

    Source: Jean et al. 2015; Luong et al. 2015b (Addressing the rare word problem), who trained links of their own.
    A word whose attention is all 0 has no replacement.
    """
    links = links_from_attention(attention, source.word_of_token, target.word_of_token, leave_unlinked=False)
    attended = {t: source.texts[s] for s, t in links.sure if t in unknown}
    return {index: lexicon.get(word, word) for index, word in attended.items()}
