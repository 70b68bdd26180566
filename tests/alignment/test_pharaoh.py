from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.alignment import format_links, parse_links, read_links
from regard.errors import DataError
from regard.records.text import Links

Pairs = frozenset[tuple[int, int]]
PAIRS = st.frozensets(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=8)


def test_sure_and_possible_links() -> None:
    links = parse_links("0-1 2p2 3?0")
    assert links.sure == {(0, 1)}
    assert links.possible == {(0, 1), (2, 2), (3, 0)}


def test_counting_from_one() -> None:
    assert parse_links("12-3 1p1", one_indexed=True) == Links(frozenset({(11, 2)}), frozenset({(0, 0)}))


def test_flipped_sides() -> None:
    assert parse_links("0-1 2p5", flipped=True) == Links(frozenset({(1, 0)}), frozenset({(5, 2)}))


def test_formatting_is_ordered() -> None:
    links = Links(frozenset({(10, 0), (2, 1)}), frozenset({(2, 0)}))
    assert format_links(links) == "2p0 2-1 10-0"
    assert format_links(links, one_indexed=True) == "3p1 3-2 11-1"


@given(PAIRS, PAIRS, st.booleans())
def test_what_is_written_is_read_again(sure: Pairs, possible: Pairs, one_indexed: bool) -> None:
    links = Links(sure, possible)
    assert parse_links(format_links(links, one_indexed=one_indexed), one_indexed=one_indexed) == links


@pytest.mark.parametrize("text", ["0", "0-", "0-1-2", "a-b", "0–1", "-1-2", "0:1", "٣-1"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="expected links such as"):
        parse_links(f"0-0 {text}")


@pytest.mark.parametrize("text", ["0-1", "1-0"])
def test_zero_is_no_word_when_counting_from_one(text: str) -> None:
    with pytest.raises(DataError, match=f"counted from 1, got '{text}'"):
        parse_links(text, one_indexed=True)


def test_a_file_keeps_its_empty_lines(tmp_path: Path) -> None:
    file = tmp_path / "links"
    file.write_text("0-0 1-1 \n\n2p0\n", encoding="utf-8")
    assert [len(links.possible) for links in read_links(file)] == [2, 0, 1]


def test_file_and_line_of_a_mistake_are_named(tmp_path: Path) -> None:
    file = tmp_path / "links"
    file.write_text("0-0\n0-0 oops\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"links, line 2: .*'oops'"):
        read_links(file)
    with pytest.raises(DataError, match="absent"):
        read_links(tmp_path / "absent")
    file.write_bytes(b"0-0\xff\n")
    with pytest.raises(DataError, match="expected a text file"):
        read_links(file)
