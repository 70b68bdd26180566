from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.sources import read_pairs
from regard.data.text import count_lines, read_lines
from regard.errors import DataError
from regard.records.text import Pair


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def message(files: list[Path]) -> str:
    """What reading these files to the end complains of; it must fit on one line."""
    with pytest.raises(DataError) as caught:
        list(read_pairs(files))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_two_files_are_read_side_by_side(tmp_path: Path) -> None:
    source, target = write(tmp_path / "a.de", "ja\n\nnein\n"), write(tmp_path / "a.en", "yes\nso\nno")
    assert list(read_pairs([source, target])) == [Pair("ja", "yes"), Pair("", "so"), Pair("nein", "no")]


def test_the_first_two_columns_of_a_tsv_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tsv", "ja\tyes\na\tb\tc\td\n\tempty\n")
    expected = [Pair("ja", "yes"), Pair("a", "b"), Pair("", "empty")]
    assert list(read_pairs([file])) == expected
    assert list(read_pairs(str(file))) == expected


def test_a_byte_order_mark_and_carriage_returns_are_dropped(tmp_path: Path) -> None:
    file = write(tmp_path / "a", b"\xef\xbb\xbfeins\r\n\xef\xbb\xbfzwei\r\n")
    assert list(read_lines(file)) == ["eins", "\ufeffzwei"]


@given(lines=st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff", exclude_categories=["Cs"]))))
def test_lines_end_at_line_feeds_and_nowhere_else(
    lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("lines") / "a"
    write(file, "".join(line + "\n" for line in [*lines, "a\u2028b\x85c\x0bd\x0ce\x1cf"]))
    assert list(read_lines(file)) == [*lines, "a\u2028b\x85c\x0bd\x0ce\x1cf"]
    assert count_lines(file) == len(lines) + 1


@pytest.mark.parametrize(("content", "count"), [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_count_lines(tmp_path: Path, content: str, count: int) -> None:
    assert count_lines(write(tmp_path / "a", content)) == count


def test_a_missing_file_names_a_similar_one(tmp_path: Path) -> None:
    write(tmp_path / "train.de", "a\n")
    assert f"did you mean {tmp_path / 'train.de'}?" in message([tmp_path / "trian.de", tmp_path / "train.de"])
    assert "check the path" in message([tmp_path / "quite-another"])
    assert f"no folder {tmp_path / 'nowhere'}" in message([tmp_path / "nowhere" / "a.tsv"])


def test_a_folder_is_not_a_text(tmp_path: Path) -> None:
    assert "got a folder" in message([tmp_path])


def test_a_stream_is_not_a_file() -> None:
    assert "expected a regular file" in message([Path("/dev/null")])


@pytest.mark.parametrize("count", [0, 3])
def test_wrong_number_of_files(tmp_path: Path, count: int) -> None:
    files = [write(tmp_path / f"{i}.txt", "a\tb\n") for i in range(count)]
    assert f"got {count} files" in message(files)


def test_unequal_line_counts_are_told_before_the_first_pair(tmp_path: Path) -> None:
    source, target = write(tmp_path / "a.de", "1\n2\n3\n"), write(tmp_path / "a.en", "1\n2\n")
    with pytest.raises(DataError, match=r"a\.de has 3 lines, .*a\.en has 2") as caught:
        read_pairs([source, target])
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_told_before_the_first_pair(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty", "")
    for files in ([empty], [empty, empty], [write(tmp_path / "full", "a\n"), empty]):
        with pytest.raises(DataError, match="empty: expected at least one line"):
            read_pairs(files)


def test_a_tsv_line_without_a_tab_is_named(tmp_path: Path) -> None:
    assert "a.tsv, line 2: expected source TAB target" in message([write(tmp_path / "a.tsv", "a\tb\nc d\n")])


def test_bytes_that_are_not_utf8_are_named_with_place_and_remedy(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "ok\nschön\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.txt, line 2: byte 0xF6 at offset 6 is not UTF-8.*WINDOWS-1252"):
        list(read_lines(file))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf_16_is_named_before_its_lines_are_counted(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    file = write(tmp_path / "b.txt", pack("ok\n".encode("utf-16")))
    with pytest.raises(DataError, match=r"b\.txt: expected UTF-8, got UTF-16; .*iconv -f UTF-16"):
        count_lines(file)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed_files_are_known_by_their_first_bytes(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    lines = [f"zeile {i} ü" for i in range(3000)]
    file = write(tmp_path / "no-suffix", pack("".join(f"{line}\n" for line in lines).encode()))
    assert list(read_lines(file)) == lines
    assert count_lines(file) == 3000


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_broken_archive_is_told_on_one_line(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(bytes(range(32, 127)) * 500)
    changed = packed[:20] + bytes(byte ^ 255 for byte in packed[20:60]) + packed[60:]
    for content in (packed[:-10], changed):
        file = write(tmp_path / "a.packed", content)
        for read in (count_lines, lambda path: list(read_lines(path))):
            with pytest.raises(
                DataError, match=r"a\.packed: broken archive .* copy the file again"
            ) as caught:
                read(file)
            assert "\n" not in str(caught.value)


def test_other_archives_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zip", b"PK\x03\x04rest")
    with pytest.raises(DataError, match=r"a\.zip: expected plain text, \.gz or \.xz, got a zip archive"):
        count_lines(file)


def test_plain_text_under_a_packed_name_is_plain_text(tmp_path: Path) -> None:
    assert list(read_lines(write(tmp_path / "a.gz", "ja\n"))) == ["ja"]
