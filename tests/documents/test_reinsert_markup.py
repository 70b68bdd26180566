"""Markup reinserted: by hand, and by the promises that every tag comes out once and nested as before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regard.data.markup import strip_markup
from regard.documents.reinsert_markup import reinsert_markup
from regard.records.text import Translation, Words
from tests.documents.copying import reordered, translation_of

_TAG = re.compile(r"</?\w+>")


def reinserted(text: str, order: Sequence[int] | None = None) -> str:
    marked = strip_markup(text)
    number = len(marked.text.split())
    return reinsert_markup(marked, reordered(marked.text, range(number) if order is None else order))


@pytest.mark.parametrize(
    "text",
    [
        "<b>A B</b>",
        "A <b>B</b> C",
        "A <b>B</b>, C.",
        "A <b>B <i>C</i></b> <u>D</u> E",
        "<p>A.</p><p>B.</p>",
        "A <br/> B",
        "A<br/>B",
        "A {0}, B %s C",
        "({0} A)",
        "{0} A {1}",
        "A {0}{1} B",
        "10&nbsp;KM",
        "AT&amp;T &lt;B&gt;",
        "A “<b>B</b>” C",
        "<b> A </b> B",
        "</b> A <b>",
        "A <b></b> B",
        "<b><i>A</i></b> B",
    ],
)
def test_a_copy_keeps_everything_in_place(text: str) -> None:
    assert reinserted(text) == text


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("a <b>b</b> c", [2, 1, 0], "C <b>B</b> A"),
        ("<b>a</b> b c", [1, 2, 0], "B C <b>A</b>"),
        (
            "a <b>b c</b> d",
            [0, 2, 3, 1],
            "A <b>C D B</b>",
        ),  # from the first to the last word that attended to it
        ("a <b>b <i>c</i></b> d", [3, 2, 1, 0], "D <b><i>C</i> B</b> A"),
        ("a <b>b</b>. c d.", [2, 3, 0, 1], "C D. A <b>B</b>."),
        ("a {0} b c", [2, 0, 1], "C A {0} B"),
        ("{0} a b", [1, 0], "{0} B A"),  # what begins or ends the line still does
        ("a b {0}", [1, 0], "B A {0}"),
        (
            "<b>a c</b> <i>b</i> d",
            [0, 2, 1, 3],
            "<b>A</b> <i>B</i> C D",
        ),  # mingled: the shorter keeps its words
        ("a {0}, b c", [2, 0, 1], "C A {0}, B"),
        ("a &nbsp; b", [1, 0], "B A &nbsp;"),
        ("foo<b>bar</b> c", [1, 0], "C <b>FOOBAR</b>"),
        ("&lt; <b>&amp;</b> c", [2, 1, 0], "C <b>&amp;</b> &lt;"),
    ],
)
def test_marks_follow_attention(text: str, order: list[int], expected: str) -> None:
    assert reinserted(text, order) == expected


def test_a_tag_without_attending_words_encloses_the_word_with_the_largest_weight() -> None:
    marked = strip_markup("a <b>b</b> c")
    weights = np.array([[0.9, 0.1, 0.0, 0.0], [0.0, 0.4, 0.6, 0.0], [0.0, 0.0, 0.0, 1.0]], np.float32)
    assert reinsert_markup(marked, translation_of("a b c", "X Y", weights)) == "X <b>Y</b>"


def test_a_placeholder_follows_the_neighbour_with_more_attention() -> None:
    marked = strip_markup("a {0} b c")
    weights = [[0.0, 0.9, 0.1, 0.0], [0.0, 0.0, 0.9, 0.1], [0.4, 0.2, 0.2, 0.2], [0.0, 0.0, 0.0, 1.0]]
    assert (
        reinsert_markup(marked, translation_of("a b c", "X Y Z", np.array(weights, np.float32)))
        == "{0} X Y Z"
    )


def test_without_words_marks_stand_in_their_order() -> None:
    marked = strip_markup("<b>a</b> {0}")
    assert reinsert_markup(marked, translation_of("a", "", np.ones((1, 2), np.float32))) == "<b></b> {0}"


def test_scripts_without_spaces_are_placed_by_tokens() -> None:
    marked = strip_markup("she <b>laughs</b>")
    weights = np.eye(3, dtype=np.float32)
    one = Translation(
        "她笑", 0.0, 0.0, ("▁她", "笑", "</s>"), weights, "she laughs", ("she", "laughs", "</s>"),
        words=Words(("她笑",), (0, 0, -1)), source_words=Words(("she", "laughs"), (0, 1, -1)),
    )  # fmt: skip
    assert reinsert_markup(marked, one) == "她<b>笑</b>"


@st.composite
def _marked_texts(draw: st.DrawFn) -> str:
    """Words with well nested tags, lone tags, placeholders and punctuation."""

    def inside(depth: int) -> str:
        parts = draw(
            st.lists(st.sampled_from(["a", "b.", "(c", "{0}", "<br/>", "</x>", "&nbsp;", "tag"]), max_size=4)
        )
        names = iter("bipq"[depth:])
        return draw(st.sampled_from([" ", ""])).join(
            f"<{name}>{inside(depth + 1)}</{name}>"
            if part == "tag" and depth < 3 and (name := next(names, ""))
            else part
            for part in parts
        )

    return inside(0) + draw(st.sampled_from(["", " d", " e, f"]))


@given(_marked_texts())
@example("a{0}<b>a a a a</b>")
def test_every_mark_comes_out_once_and_nested_as_before(text: str) -> None:
    marked = strip_markup(text)
    number = len(marked.text.split())
    weights = np.random.default_rng(number).dirichlet([0.2] * (number + 1), number + 2).astype(np.float32)
    written = " ".join(f"W{index}" for index in range(number + 1))
    found = reinsert_markup(marked, translation_of(marked.text, written, weights))
    assert Counter(mark.text for mark in strip_markup(found).tags) == Counter(
        mark.text for mark in marked.tags
    )
    assert strip_markup(found).text.split() == written.split()
    assert _nesting(found) == _nesting(text)


def _nesting(text: str) -> Counter[tuple[str, ...]]:
    """For each pair of tags the names around it."""
    tags = strip_markup(text).tags
    around: list[str] = []
    found: Counter[tuple[str, ...]] = Counter()
    for mark in tags:
        if mark.kind == "open":
            around.append(mark.text)
            found[tuple(around)] += 1
        elif mark.kind == "close":
            around.pop()
    return found
