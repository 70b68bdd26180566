from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regard.explain import Grid
from regard.records.text import Translation, Words

ATTENTION = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0, 0, 1]], dtype=np.float32)
NOTHING = Translation("", 0.0, 0.0, (), None, "", ())


def translation(words: Words, source_words: Words) -> Translation:
    return Translation(
        "", 0.0, 0.0, ("x", "y", "</s>"), ATTENTION, "", ("a", "b", "</s>"), (), words, source_words
    )


def test_words_are_rows_and_columns_and_the_end_is_kept() -> None:
    grid = Grid.of(translation(Words(("X", "Y"), (0, 1, -1)), Words(("A", "B"), (0, 1, -1))))
    assert (grid.source_words, grid.target_words) == (("A", "B", "</s>"), ("X", "Y"))
    assert grid.attention == pytest.approx(ATTENTION[:2])
    assert grid.coverage.tolist() == pytest.approx([0.6, 0.45])


def test_tokens_of_a_word_are_put_together() -> None:
    words = Words(("ab", "c"), (0, 0, 1))
    grid = Grid.of(translation(words, words))
    assert grid.source_words == ("ab", "c")  # this source has no end
    assert grid.attention[0].tolist() == pytest.approx([(0.75 + 0.3) / 2, (0.25 + 0.7) / 2])
    assert grid.coverage.tolist() == pytest.approx([0.525, 0.475 + 1])


def test_a_single_word_is_shown_by_its_tokens() -> None:
    spelled = Words(("ab",), (0, 0, -1))
    grid = Grid.of(translation(Words(("X", "Y"), (0, 1, -1)), spelled))
    assert (grid.source_words, grid.target_words) == (("a", "b", "</s>"), ("X", "Y"))
    assert grid.attention == pytest.approx(ATTENTION[:2])


def test_a_word_with_features_is_shown_by_its_letters_and_each_feature() -> None:
    inflection = replace(
        translation(Words(("X", "Y"), (0, 1, -1)), Words(("go", "PST"), (0, 0, 1))),
        source="go\tPST",
        source_tokens=("g", "o", "PST"),
    )
    grid = Grid.of(inflection)
    assert grid.source_words == ("g", "o", "PST")
    assert grid.attention == pytest.approx(ATTENTION[:2])
    assert grid.coverage.tolist() == pytest.approx([0.6, 0.45, 0.95])
    several = replace(inflection, source="g o\tPST", source_words=Words(("g", "o", "PST"), (0, 1, 2)))
    assert Grid.of(several).source_words == ("g", "o", "PST")


def test_without_attention_or_words_there_is_no_grid() -> None:
    assert Grid.of(NOTHING) is None
    assert Grid.of(translation(Words((), (-1, -1, -1)), Words(("A", "B"), (0, 1, -1)))) is None
