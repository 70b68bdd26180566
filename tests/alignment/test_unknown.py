"""Unknown words by hand: where attention lies, and what a lexicon says of it."""

from __future__ import annotations

import numpy as np

from regard.alignment import words_for_unknown
from regard.records.text import Words

# Source tokens: "Bo" "gen" "brennt" and the end; target tokens: an unknown word, "burns", another one, the end.
SOURCE = Words(("Bogen", "brennt"), (0, 0, 1, -1))
TARGET = Words(("<unk>", "burns", "<unk>"), (0, 1, 2, -1))
ATTENTION = np.array(
    [[0.30, 0.25, 0.40, 0.05], [0.0, 0.0, 1.0, 0.0], [0.1, 0.1, 0.3, 0.5], [0.0, 0.0, 0.0, 1.0]]
)


def test_the_word_most_attended_to_is_written() -> None:
    # 0.30 + 0.25 of "Bogen" is more than 0.40; of the third word the end has most, which is no word.
    assert words_for_unknown(ATTENTION, SOURCE, TARGET, {0, 2}, {}) == {0: "Bogen", 2: "brennt"}


def test_a_lexicon_is_asked_first() -> None:
    assert words_for_unknown(ATTENTION, SOURCE, TARGET, {0}, {"Bogen": "bow", "Bo": "no"}) == {0: "bow"}


def test_nothing_attended_to_stays_unknown() -> None:
    assert words_for_unknown(np.zeros((4, 4)), SOURCE, TARGET, {0, 2}, {}) == {}
