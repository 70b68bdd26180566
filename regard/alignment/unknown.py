"""Source words in the place of output words that the vocabulary does not have."""

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
    """For each `unknown` target word what the lexicon says of the source word most attended to, or else that word.

    Source: Jean et al. 2015; Luong et al. 2015b (Addressing the rare word problem) with links of their own.
    A word whose attention is all 0 stays unknown.
    """
    links = links_from_attention(attention, source.word_of_token, target.word_of_token, leave_unlinked=False)
    found = {t: source.texts[s] for s, t in links.sure if t in unknown}
    return {place: lexicon.get(word, word) for place, word in found.items()}
