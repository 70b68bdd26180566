"""Any line through a translator: as many lines as came, each in its sentences, none too long, markup in place."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.documents import TextOptions, translate_document, translate_lines
from regard.errors import ConfigError, DataError, SearchError
from tests.documents.copying import Copying, backwards, copying

ANY_TEXT = st.text(
    st.characters(codec="utf-8") | st.sampled_from("a b.!\n\r\t<b></b>{0}&nbsp;\u2028\x85\x00你。"),
    max_size=60,
)
OPTIONS = [
    TextOptions(),
    TextOptions(split="never"),
    TextOptions(split="always", max_length=2, markup=True, addresses=True),
]


@given(st.lists(ANY_TEXT.map(lambda text: text.replace("\n", " ")), max_size=4), st.sampled_from(OPTIONS))
def test_a_line_for_a_line(lines: list[str], options: TextOptions) -> None:
    found = list(translate_lines(copying(), lines, options))
    assert [one.source for one in found] == lines
    assert all("\n" not in one.text for one in found)


@given(st.text(st.sampled_from("aB.!?, \n\r\t\u2028\x85\x00"), max_size=60))
def test_line_ends_and_words_of_a_document_are_kept(text: str) -> None:
    found = translate_document(copying(), text)
    assert found.text.count("\n") == text.count("\n")
    assert [word.lower() for word in found.text.split()] == [word.lower() for word in text.split()]


def test_sentences_are_translated_together() -> None:
    fake = Copying(backwards)
    lines = ["Eins zwei. Drei vier!", "", "  Fünf  sechs?  "]
    found = list(translate_lines(copying(backwards), lines))
    assert [one.text for one in found] == ["ZWEI. EINS VIER! DREI", "", "  SECHS? FÜNF  "]
    list(translate_lines(fake, lines))  # type: ignore[arg-type]
    assert fake.asked == [["Eins zwei.", "Drei vier!", "Fünf  sechs?"]]
    assert [len(one.sentences) for one in found] == [2, 0, 0]


@pytest.mark.parametrize(
    ("split", "kind", "splits"),
    [
        ("never", "words", False),
        ("always", "words", True),
        ("auto", "words", True),
        ("auto", "characters", False),
        ("always", "characters", True),
    ],
)
def test_who_reads_characters_reads_no_sentences(split: Literal["auto"], kind: str, splits: bool) -> None:
    found = translate_document(copying(backwards, kind=kind), "aa bb. Cc dd.", TextOptions(split=split))
    assert found.text == ("BB. AA DD. CC" if splits else "DD. CC BB. AA")


def test_a_document_keeps_its_lines() -> None:
    text = "Eins. Zwei!\r\n\r\n  Drei.\n\nVier"
    found = translate_document(copying(), text)
    assert found.text == text.upper()
    assert [one.source for one in found.lines] == ["Eins. Zwei!", "", "  Drei.", "", "Vier"]
    assert translate_document(copying(), "").text == ""


def test_long_sentences_are_cut_and_named() -> None:
    said: list[str] = []
    lines = ["kurz", "eins zwei drei, vier fünf sechs", "a b c"]
    found = list(translate_lines(copying(max_tokens=3), lines, first_line=7, warn=said.append))
    assert [one.text for one in found] == [line.upper() for line in lines]
    assert [part.source for part in found[1].sentences] == ["eins zwei drei,", "vier fünf sechs"]
    assert len(said) == 1
    assert said[0].startswith("line 8: a sentence of 6 tokens, longer than the 3")
    assert "in 2 parts" in said[0]


def test_the_limit_can_be_chosen() -> None:
    assert (
        len(
            translate_document(copying(max_tokens=3), "a b c d e f", TextOptions(max_length=6))
            .lines[0]
            .sentences
        )
        == 0
    )
    assert len(translate_document(copying(), "a b c d", TextOptions(max_length=1)).lines[0].sentences) == 4


def test_a_line_of_a_hundred_thousand_words() -> None:
    fake = Copying()
    text = "wort " * 100_000
    one = translate_document(fake, text).lines[0]  # type: ignore[arg-type]
    assert one.text == text.upper()
    assert one.attention is None
    assert max(len(part.source_tokens) for part in one.sentences) <= fake.max_tokens + 1


def test_markup_goes_where_attention_went() -> None:
    options = TextOptions(markup=True)
    text = "  <p>Sag <b>ja</b>. Und {0} nein!</p>  "
    one = translate_document(copying(backwards), text, options).lines[0]
    assert one.text == "  <p><b>JA</b>. SAG NEIN! UND {0}</p>  "
    assert one.source == text
    assert one.words.texts == ("JA.", "SAG", "NEIN!", "UND")
    assert [part.source for part in one.sentences] == ["Sag ja.", "Und nein!"]


def test_a_line_of_nothing_but_markup_stays() -> None:
    fake = Copying()
    assert translate_document(fake, " <br/> {0} ", TextOptions(markup=True)).text == " <br/> {0} "  # type: ignore[arg-type]
    assert fake.asked == [[]]


def test_addresses_are_carried_over_on_request() -> None:
    text = "siehe https://a.de/b heute"
    assert (
        translate_document(copying(), text, TextOptions(addresses=True)).text == "SIEHE https://a.de/b HEUTE"
    )
    assert translate_document(copying(), text, TextOptions(markup=True)).text == text.upper()


def test_markup_needs_attention() -> None:
    with pytest.raises(SearchError, match="this model has none"):
        translate_document(copying(attends=False), "<b>a</b> b", TextOptions(markup=True))
    assert translate_document(copying(attends=False), "a b", TextOptions(markup=True)).text == "A B"


def test_lines_are_counted_as_they_are_done() -> None:
    done: list[int] = []
    list(translate_lines(copying(), ["a. b. c. D.", "", "e", "f. G."], watch=done.append))
    assert sum(done) == 4
    assert all(number > 0 for number in done)
    done.clear()
    list(translate_lines(copying(), ["", " "], watch=done.append))
    assert done == [2]


def test_a_prefix_begins_the_line_and_not_each_sentence() -> None:
    fake = Copying()
    lines = ["Eins. Zwei.", "", "Drei."]
    list(translate_lines(fake, lines, prefix="so", beam=2))  # type: ignore[arg-type]
    assert fake.how == {"prefix": ["so", "", "so"], "beam": 2}
    list(translate_lines(fake, lines, prefix=["x", "y", "z"]))  # type: ignore[arg-type]
    assert fake.how == {"prefix": ["x", "", "z"]}


@pytest.mark.parametrize("prefix", [["x"], ["x"] * 4, []])
def test_a_prefix_for_each_line_or_one_for_all(prefix: list[str]) -> None:
    with pytest.raises(SearchError, match=f"one prefix for each line, got {len(prefix)} for 3"):
        list(translate_lines(copying(), ["Eins. Zwei.", "", "Drei."], prefix=prefix))


@pytest.mark.parametrize("kind", ["words", "characters"])
@pytest.mark.parametrize("split", ["auto", "always", "never"])
def test_white_space_around_a_line_is_kept_and_not_read(kind: str, split: Literal["auto"]) -> None:
    fake = Copying(kind=kind)
    lines = ["  eins zwei ", "\tdrei\u3000", "   ", ""]
    found = list(translate_lines(fake, lines, TextOptions(split=split)))  # type: ignore[arg-type]
    assert fake.asked == [["eins zwei", "drei"]]
    assert [one.text for one in found] == ["  EINS ZWEI ", "\tDREI\u3000", "   ", ""]


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
@pytest.mark.parametrize("split", ["auto", "always", "never"])
def test_a_line_with_features_stays_whole(kind: str, split: Literal["auto"]) -> None:
    fake = Copying(kind=kind, features=["V", "PST"], max_tokens=2)
    lines = ["  walk\tV;PST ", "give up. Now\tV", "stay\t", " "]
    found = list(translate_lines(fake, lines, TextOptions(split=split)))  # type: ignore[arg-type]
    assert fake.asked == [["walk\tV;PST", "give up. Now\tV", "stay\t"]]
    assert found[0].text == "  WALK V;PST "
    assert [one.source for one in found] == lines


def test_a_line_without_its_features_is_named() -> None:
    with pytest.raises(DataError, match=r"^line 8: expected a source, a tab and its features .* got 'walk'"):
        translate_lines(copying(features=["V"]), ["walk\tV", "walk"], first_line=7)


def test_terms_that_were_not_written_are_told_line_by_line() -> None:
    said: list[str] = []
    lines = ["das Haus. Das Haus", "nichts", "das Haus und das Tor"]
    glossary = {"Haus": "house", "Haus.": "house", "Tor": "gate"}
    list(translate_lines(copying(), lines, first_line=4, warn=said.append, glossary=glossary))
    assert len(said) == 2
    assert said[0].startswith("line 4: the glossary asks for 'house', and")
    assert said[1].startswith("line 6: the glossary asks for 'house', 'gate', and")


@pytest.mark.parametrize(
    ("number", "last"), [(10, "line 10: "), (11, "1 more line "), (30, "20 more lines ")]
)
def test_of_many_lines_without_their_terms_only_the_first_are_told(number: int, last: str) -> None:
    said: list[str] = []
    list(translate_lines(copying(), ["Haus"] * number, warn=said.append, glossary={"Haus": "house"}))
    assert len(said) == min(number, 11)
    assert said[-1].startswith(last)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "perhaps"}, "expected auto, always or never, got 'perhaps'"),
        ({"max_length": -1}, "max_length: expected a number from 1 on"),
        ({"language": "german"}, "expected a code of two or three letters"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TextOptions(**options)  # type: ignore[arg-type]
