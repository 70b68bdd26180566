"""Lines as they come: from files in chunks, from pipes when they pause, from a person one by one."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.documents import streams
from regard.documents.streams import read_chunks
from regard.errors import DataError


def lines_of(content: bytes) -> list[str]:
    return [line for chunk in read_chunks(io.BytesIO(content), "here") for line in chunk]


@contextmanager
def pipe() -> Iterator[tuple[int, io.FileIO]]:
    """Where to write, and what to read."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as stream:
        yield write, stream


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\r\n\r\nb\r", ["a", "", "b"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        ("a\u2028b\x85c\x00\x0bd\n".encode(), ["a\u2028b\x85c\x00\x0bd"]),
    ],
)
def test_lines_end_at_line_feeds_only(content: bytes, lines: list[str]) -> None:
    assert lines_of(content) == lines
    with pipe() as (write, stream):
        os.write(write, content)
        os.close(write)
        assert [line for chunk in read_chunks(stream, "here") for line in chunk] == lines


@given(st.lists(st.text(st.sampled_from("a\r\x85\u2028\x00é")), min_size=1, max_size=9))
def test_as_many_lines_as_line_feeds(lines: list[str]) -> None:
    expected = [line.removesuffix("\r") for line in lines]
    assert lines_of("".join(line + "\n" for line in lines).encode()) == expected


def test_chunks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_CHUNK_LINES", 2)
    monkeypatch.setattr(streams, "MAX_CHUNK_BYTES", 8)
    content = b"a\nb\nc\nlonger line\nd\ne\n"
    expected = [["a", "b"], ["c", "longer line"], ["d", "e"]]
    assert list(read_chunks(io.BytesIO(content), "here")) == expected
    with pipe() as (write, stream):
        os.write(write, content)
        os.close(write)
        assert list(read_chunks(stream, "here")) == expected


def test_a_pause_is_an_end_of_a_chunk() -> None:
    with pipe() as (write, stream):
        chunks = read_chunks(stream, "here")
        os.write(write, b"a\nb\nbegun")
        assert next(chunks) == ["a", "b"]  # though the pipe is open and a line begun
        os.write(write, b" and ended\n")
        assert next(chunks) == ["begun and ended"]
        os.write(write, b"last")
        os.close(write)
        assert list(chunks) == [["last"]]


def test_what_comes_without_a_pause_is_one_chunk() -> None:
    number = 40_000  # more than a pipe holds
    with pipe() as (write, stream):
        writer = threading.Thread(target=lambda: (os.write(write, b"x\n" * number), os.close(write)))
        writer.start()
        chunks = list(read_chunks(stream, "here"))
        writer.join()
    assert sum(map(len, chunks)) == number
    assert max(map(len, chunks)) == streams.MAX_CHUNK_LINES


def test_a_person_is_answered_line_by_line() -> None:
    terminal, keyboard = pty.openpty()
    try:
        with os.fdopen(os.dup(keyboard), "rb", buffering=0) as stream:
            chunks = read_chunks(stream, "here")
            os.write(terminal, b"first\n")
            assert next(chunks) == ["first"]
            os.write(terminal, b"second\n\x04")
            assert list(chunks) == [["second"]]
    finally:
        os.close(terminal)
        os.close(keyboard)


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(DataError, match=r"here, line 12: byte 2 is not UTF-8.*iconv"):
        list(read_chunks([b"a\n", b"b\n", b"c\xff\n"], "here", first_line=10))
