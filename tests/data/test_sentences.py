"""Sentences and parts of them: nothing is lost, nothing grows too long, abbreviations are no ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data import sentences
from regard.data.sentences import split_long, split_sentences
from regard.errors import ConfigError

LANGUAGES = ["", "en", "de", "ja", "zh", "hi", "ar"]
ODD = st.text(
    st.sampled_from("aB é3.!?…。,;'\"“”(«\n\t\r\x00\x0b\x1c\x85\xa0\u2028\u3000\ufeff\ud800\u0301😀ก你"),
    max_size=60,
)


def lengths(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


@given(ODD | st.text(max_size=60), st.sampled_from(LANGUAGES))
def test_sentences_joined_are_the_text(text: str, language: str) -> None:
    parts = split_sentences(text, language)
    assert "".join(parts) == text
    assert all(parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wir gehen. Ihr kommt!", ["Wir gehen. ", "Ihr kommt!"]),
        ("die frau lacht . der mann kommt .", ["die frau lacht . ", "der mann kommt ."]),
        ("Am 3. Mai kam er. Dann ging er.", ["Am 3. Mai kam er. ", "Dann ging er."]),
        ("Er kam ca. zwei Mal bzw. öfter.", ["Er kam ca. zwei Mal bzw. öfter."]),
        ("Siehe Abb. 4 dazu.", ["Siehe Abb. 4 dazu."]),
        ("Really? Yes.  No!", ["Really? ", "Yes.  ", "No!"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("   Ja.  ", ["   Ja.  "]),
        ("", []),
    ],
)
def test_without_a_language_doubtful_periods_are_no_ends(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


def test_a_language_has_its_own_rules() -> None:
    text = "It was in 1990. 3 people came."
    assert split_sentences(text, "en") == ["It was in 1990. ", "3 people came."]
    assert split_sentences(text) == [text]
    assert (
        split_sentences("Am 3. Mai. Gut.", "de-AT")
        == split_sentences("Am 3. Mai. Gut.", "DE")
        == ["Am 3. Mai. ", "Gut."]
    )


@pytest.mark.parametrize("language", ["german", "d", "../de", "12"])
def test_a_language_is_a_code(language: str) -> None:
    with pytest.raises(ConfigError, match="a code of two or three letters such as de"):
        split_sentences("Ja.", language)


@pytest.mark.parametrize("block", [7, 20, 64])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    text = "Wir gehen. Ihr kommt! Alle bleiben und bleiben und bleiben hier. Ja. Nein? Doch. " * 5
    whole = split_sentences(text)
    monkeypatch.setattr(sentences, "_BLOCK", block)
    assert "".join(split_sentences(text)) == text
    if block == 64:  # longer than any of them
        assert split_sentences(text) == whole


@given(st.lists(ODD, max_size=4), st.integers(1, 9))
def test_parts_joined_are_the_text_and_fit(texts: list[str], limit: int) -> None:
    lines = split_long(texts, limit, lengths)
    assert ["".join(parts) for parts in lines] == texts
    assert all(len(part) <= limit for parts in lines for part in parts)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("aaa bbb ccc ddd", 20, ["aaa bbb ccc ddd"]),
        ("aaa bbb ccc ddd", 8, ["aaa bbb ", "ccc ddd"]),
        ("aaa bbb c, ddd eee", 12, ["aaa bbb c, ", "ddd eee"]),
        ("aaa, bbb ccc. ddd eee fff", 16, ["aaa, bbb ccc. ", "ddd eee fff"]),
        ("aaaaaaaaaa", 5, ["aaaaa", "aaaaa"]),
        ("ab " + "c" * 10, 10, ["ab ", "cccccccccc"]),
        ("你好，再见吧", 4, ["你好，", "再见吧"]),
        ("ae\u0301e\u0301e\u0301", 4, ["ae\u0301", "e\u0301e\u0301"]),
    ],
)
def test_a_long_text_is_cut_where_it_hurts_least(text: str, limit: int, expected: list[str]) -> None:
    assert split_long([text], limit, lengths) == [expected]


def test_a_very_long_line_is_measured_a_few_times() -> None:
    measured = 0

    def count(texts: list[str]) -> list[int]:
        nonlocal measured
        measured += sum(map(len, texts))
        return [len(text.split()) for text in texts]

    text = "word " * 100_000
    parts = split_long([text], 100, count)[0]
    assert max(len(part.split()) for part in parts) <= 100
    assert measured <= 12 * len(text)  # as often as 100,000 can be halved until it is 100, and once more


def test_the_end_of_a_sentence_counts_up_to_a_quarter_from_the_middle() -> None:
    # 12 characters: the sentence ends 3 from the middle, just near enough; the clause, 2 from it, counts for less
    def num_characters(texts: list[str]) -> list[int]:
        return [len(text) for text in texts]

    assert split_long(["a. bbb, cccc"], 9, num_characters) == [["a. ", "bbb, cccc"]]
    # what a joiner joins stays together: not after 2 or 3 characters but after 4
    assert split_long(["aa\u200daa"], 4, num_characters) == [["aa\u200da", "a"]]
