"""Markup taken out: what is markup, what stays text, and where each tag stood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.markup import InlineTag, strip_markup


@pytest.mark.parametrize(
    ("text", "plain", "tags"),
    [
        ("Hallo", "Hallo", []),
        ("sagt <b>Hallo</b>.", "sagt Hallo.", ["<b>", "</b>"]),
        ('<a href="x>y" id=3 hidden>da</a>', "da", ['<a href="x>y" id=3 hidden>', "</a>"]),
        ("eins<br/>zwei <!-- drei --> vier", "eins zwei vier", ["<br/>", "<!-- drei -->"]),
        ("Hallo {0}, %s!", "Hallo,!", ["{0}", "%s"]),
        ("{{ name }} ${x.y} %(n)d %1$s %.2f", "", ["{{ name }}", "${x.y}", "%(n)d", "%1$s", "%.2f"]),
        ("10&nbsp;km", "10 km", ["&nbsp;"]),
        ("Wort&shy;teil", "Wortteil", ["&shy;"]),
        ("({0} Euro)", "(Euro)", ["{0}"]),
        ("foo<b>bar</b>", "foobar", ["<b>", "</b>"]),
        ("<td>eins</td><td>zwei</td>", "eins zwei", ["<td>", "</td>", "<td>", "</td>"]),
        ("  <p> Hallo </p>  ", "  Hallo  ", ["<p>", "</p>"]),
        ("&brand; neu", "neu", ["&brand;"]),
    ],
)
def test_markup_is_stripped(text: str, plain: str, tags: list[str]) -> None:
    found = strip_markup(text)
    assert found.text == plain
    assert [tag.text for tag in found.tags] == tags


@pytest.mark.parametrize(
    "text", ["a < b", "<3", "100%sicher", "5 %", "50 % d", "a & b", "{ a }", "1 <- 2", "<b", "%"]
)
def test_what_is_no_markup_stays(text: str) -> None:
    found = strip_markup(text)
    assert (found.text, found.tags) == (text, ())


def test_entities_of_characters_are_the_characters() -> None:
    found = strip_markup("AT&amp;T &lt;b&gt; &#228;&#xE4;&auml;")
    assert (found.text, found.tags, found.escaped) == ("AT&T <b> äää", (), True)


def test_addresses_only_on_request() -> None:
    text = "siehe https://a.de/x?y=1, oder a.b@c.de!"
    assert strip_markup(text).text == text
    found = strip_markup(text, addresses=True)
    assert [tag.text for tag in found.tags] == ["https://a.de/x?y=1", "a.b@c.de"]
    assert found.text == "siehe, oder!"


@pytest.mark.parametrize(
    ("text", "partners"),
    [
        ("<a>x<b>y</b></a>", [3, 2, 1, 0]),
        ("<b>x<b>y</b>", [-1, 2, 1]),
        ("<b>x<i>y</b>z</i>", [2, -1, 0, -1]),
        ("x</b>y<b>z", [-1, -1]),
        ("<B>x</b>", [1, 0]),
        ("<br>x</br>", [-1, -1]),
        ("<b/>x</b>", [-1, -1]),
    ],
)
def test_tags_find_their_partners(text: str, partners: list[int]) -> None:
    tags = strip_markup(text).tags
    assert [tag.partner for tag in tags] == partners
    assert all((tag.kind == "standalone") == (tag.partner < 0) for tag in tags)


def test_a_mark_knows_what_stood_beside_it() -> None:
    before, after = zip(
        *((tag.before, tag.after) for tag in strip_markup("<p>a {0}, b<i>c</i> (%s)").tags), strict=True
    )
    assert before == (None, True, False, False, None)
    assert after == (False, None, False, True, None)
    assert [tag.separates for tag in strip_markup("a&nbsp;b {0} c").tags] == [True, False]


@given(st.text(st.sampled_from("ab <>/\"'=b&;{}%s0.#-![]@:\n"), max_size=40), st.booleans())
def test_tags_are_parts_of_the_text_in_order(text: str, addresses: bool) -> None:
    found = strip_markup(text, addresses)
    position = 0
    for tag in found.tags:
        position = text.index(tag.text, position) + len(tag.text)
    places = [tag.position for tag in found.tags]
    assert places == sorted(places)
    assert all(0 <= place <= len(found.text) for place in places)
    if not found.escaped:  # white space may come or go
        rest = sum(map(len, "".join(tag.text for tag in found.tags).split()))
        assert len("".join(found.text.split())) + rest == len("".join(text.split()))


@pytest.mark.parametrize(
    "text",
    [
        "<!--",
        "<a ",
        "<a b='",
        "{{",
        "x@",
        "%0",
        "a",
        "<b>",
        "</b>",
        "&#1",
        "http://",
        "<?",
        "<a " + "b=c " * 50,
    ],
)
def test_nothing_takes_forever(text: str) -> None:
    """Patterns that try again from every character would run into the time limit of the tests."""
    found = strip_markup(text * (100_000 // len(text)), addresses=True)
    assert len(found.text) <= 100_000


def test_a_tag_knows_the_white_space_beside_it() -> None:
    (tag,) = strip_markup("a {0} b").tags
    assert tag == InlineTag("{0}", "standalone", 1, before=True, after=True)


def test_punctuation_stays_apart_from_a_tag_that_encloses_it() -> None:
    assert strip_markup("a <b>, c</b>").text == "a , c"
    assert strip_markup("<b>a (</b> b").text == "a ( b"


def test_of_a_run_of_tags_those_separate_words_that_do_so_alone() -> None:
    found = strip_markup("x<b><br>y</b>")
    assert found.text == "x y"
    assert [(tag.text, tag.separates) for tag in found.tags] == [
        ("<b>", False),
        ("<br>", True),
        ("</b>", False),
    ]
