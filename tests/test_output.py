"""Files that are whole or not there."""

from __future__ import annotations

import gzip
import lzma
import os
from pathlib import Path

import pytest

from regard.errors import DataError
from regard.output import check_place, whole_output

TEXT = "größe\n\u2028\r\nzwei\n"


@pytest.mark.parametrize(
    ("name", "unpack"), [("out.txt", bytes), ("out.txt.gz", gzip.decompress), ("out.xz", lzma.decompress)]
)
def test_a_file_is_written_as_its_name_says(tmp_path: Path, name: str, unpack: object) -> None:
    with whole_output(tmp_path / name) as write:
        write(TEXT)
        assert not (tmp_path / name).exists()
    assert unpack((tmp_path / name).read_bytes()).decode() == TEXT  # type: ignore[operator]
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.txt", "out.gz", "out.xz"])
def test_what_fails_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")

    def fail() -> None:
        with whole_output(tmp_path / name) as write:
            write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / name).read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_that_looks_like_a_draft_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "out.draft").write_text("mine")
    with whole_output(tmp_path / "out") as write:
        write(TEXT)
    assert (tmp_path / "out.draft").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "out.draft"]


def test_what_is_no_plain_file_is_written_directly() -> None:
    with whole_output(Path(os.devnull)) as write:
        write(TEXT)
    assert not Path(os.devnull).is_file()


def test_a_place_there_must_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder; name a file in it"), whole_output(tmp_path):
        pass
    with (
        pytest.raises(DataError, match=r"there is no folder .* to write into"),
        whole_output(tmp_path / "no" / "out"),
    ):
        pass


def test_a_folder_one_may_not_write_into_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *asked: False)
    with pytest.raises(DataError, match=r"out\.txt: nothing may be written into .*; name another place"):
        check_place(tmp_path / "out.txt")
    check_place(Path(os.devnull))


def test_what_cannot_be_written_is_told_in_its_own_name(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 250)
    with pytest.raises(DataError, match=r"x: cannot be written \(File name too long\)"), whole_output(long):
        pass
