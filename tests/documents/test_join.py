"""Parts of a line become one translation: text, tokens, attention and n-best, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.documents import join as join_module
from regard.documents.join import SegmentedLine, join_segments
from regard.records.text import Translation
from tests.documents.copying import reordered, translation_of

TWO = SegmentedLine.from_parts(" a b. c", [" a b. ", "c"])


@given(st.lists(st.text(st.sampled_from("ab \t\u3000.你"), min_size=1, max_size=6), max_size=5))
def test_segments_and_spaces_are_the_line(parts: list[str]) -> None:
    line = SegmentedLine.from_parts("".join(parts), parts)
    assert len(line.spaces) == len(line.segments) + 1
    joined = "".join(space + text for space, text in zip(line.spaces, [*line.segments, ""], strict=True))
    assert joined == line.text
    assert all(text == text.strip() != "" for text in line.segments)


@pytest.mark.parametrize(
    ("text", "segments", "spaces"),
    [
        ("walk\tV", ("walk\tV",), ("", "")),
        ("  walk\tV;PST \u3000", ("walk\tV;PST",), ("  ", " \u3000")),
        ("walk\t", ("walk\t",), ("", "")),
        (" \tV", ("\tV",), (" ", "")),
        ("a. b\u2028c", ("a. b\u2028c",), ("", "")),
        (" \t ", (), (" \t ",)),
        ("", (), ("",)),
    ],
)
def test_an_unsplit_line_keeps_its_tab(text: str, segments: tuple[str, ...], spaces: tuple[str, ...]) -> None:
    line = SegmentedLine.unsplit(text)
    assert (line.text, line.segments, line.spaces) == (text, segments, spaces)


def test_two_sentences_are_one_after_the_other() -> None:
    first, second = reordered("a b.", [1, 0]), reordered("c", [0])
    one = join_segments(TWO, [first, second])
    assert (one.text, one.source) == (" B. A C", " a b. c")
    assert one.tokens == ("B.", "A", "</s>", "C", "</s>")
    assert one.source_tokens == ("a", "b.", "</s>", "c", "</s>")
    assert (one.words.texts, one.words.word_of_token) == (("B.", "A", "C"), (0, 1, -1, 2, -1))
    assert (one.source_words.texts, one.source_words.word_of_token) == (("a", "b.", "c"), (0, 1, -1, 2, -1))
    assert one.log_probability == sum(one.log_probabilities) == -3
    assert len(one.log_probabilities) == len(one.tokens)
    assert one.score == first.score + second.score
    assert one.attention is not None
    assert one.attention.tolist() == [
        [0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    assert one.sentences == (first, second)


def test_one_sentence_alone_is_itself() -> None:
    only = reordered("a", [0])
    assert join_segments(SegmentedLine.from_parts("a", ["a"]), [only]) is only
    assert join_segments(SegmentedLine.from_parts("a", ["a"]), [only]) is only
    indented = join_segments(SegmentedLine.from_parts("  a", ["  a"]), [only])
    assert (indented.text, indented.source, indented.sentences) == ("  A", "  a", ())
    assert np.array_equal(indented.attention, only.attention)


def test_nothing_joined_is_white_space() -> None:
    one = join_segments(SegmentedLine.from_parts(" \t", [" \t"]), [])
    assert (one.text, one.tokens, one.attention, one.log_probability) == (" \t", (), None, 0)


def test_white_space_that_ends_lines_elsewhere_becomes_a_space() -> None:
    line = SegmentedLine.from_parts("a\u2028b\x0b", ["a\u2028", "b\x0b"])
    assert join_segments(line, [reordered("a", [0]), reordered("b", [0])]).text == "A B "


@pytest.mark.parametrize(
    ("parts", "texts", "expected"),
    [
        (["你好。", "再见"], ["Hello.", "Bye"], "Hello. Bye"),
        (["你好。", "再见"], ["今日は。", "では"], "今日は。では"),
        (["Donau", "dampf"], ["Danube", "steam"], "Danubesteam"),
        (["你好。", "再见"], ["", "Bye"], "Bye"),
    ],
)
def test_a_space_is_written_where_only_the_source_has_none(
    parts: list[str], texts: list[str], expected: str
) -> None:
    line = SegmentedLine.from_parts("".join(parts), parts)
    found = [translation_of(part, text, None) for part, text in zip(parts, texts, strict=True)]
    assert join_segments(line, found).text == expected


def with_best(text: str, *scores: float) -> Translation:
    """Candidates 0, 1, 2 … of a text with these scores."""
    each = [
        replace(translation_of(text, f"{text}{index}", None), score=score)
        for index, score in enumerate(scores)
    ]
    return replace(each[0], alternatives=tuple(each[1:]))


def test_the_best_sums_come_first() -> None:
    parts = [with_best("x", -1, -2, -6), with_best("y", -1, -4, -5)]
    one = join_segments(SegmentedLine.from_parts("x y", ["x ", "y"]), parts)
    assert [each.text for each in (one, *one.alternatives)] == ["x0 y0", "x1 y0", "x0 y1"]
    assert [each.score for each in (one, *one.alternatives)] == [-2, -3, -5]
    assert [part.text for part in one.alternatives[0].sentences] == ["x1", "y0"]
    assert not any(part.alternatives for part in one.sentences)


def test_what_is_not_ranked_keeps_its_order() -> None:
    parts = [with_best("x", -3, -2), with_best("y", -1, -4)]
    one = join_segments(SegmentedLine.from_parts("x y", ["x ", "y"]), parts, ranked=False)
    assert [each.text for each in (one, *one.alternatives)] == ["x0 y0", "x1 y1"]


def test_a_matrix_too_large_stays_in_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [reordered("a b.", [1, 0]), reordered("c", [0])]
    monkeypatch.setattr(join_module, "MAX_ATTENTION_SIZE", 25)
    assert join_segments(TWO, parts).attention is not None
    monkeypatch.setattr(join_module, "MAX_ATTENTION_SIZE", 24)
    one = join_segments(TWO, parts)
    assert one.attention is None
    assert all(part.attention is not None for part in one.sentences)


def test_a_single_segment_keeps_its_matrix_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    part = reordered("a b.", [1, 0])
    monkeypatch.setattr(join_module, "MAX_ATTENTION_SIZE", 1)
    assert join_segments(SegmentedLine.unsplit(" a b. "), [part]).attention is part.attention
