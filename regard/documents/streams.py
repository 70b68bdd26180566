"""Lines of a stream in chunks: many at once from a file, what is there when a pipe pauses, one from a terminal."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterable, Iterator
from stat import S_ISREG
from typing import BinaryIO

from regard.errors import DataError

MAX_CHUNK_LINES = 1024
MAX_CHUNK_BYTES = 1 << 19  # a longer line is a chunk of its own
PAUSE_S = 0.2  # after a pipe has been silent for so long, the lines read so far are translated
_READ_SIZE = 1 << 16


def read_chunks(stream: BinaryIO | Iterable[bytes], name: str, first_line: int = 1) -> Iterator[list[str]]:
    """Yield the lines of a stream in lists, without line ends; no complete line waits for one still to be written.

    Raises DataError, with `name` and the number of the line, for bytes that are not UTF-8.
    """
    handle = _selectable_handle(stream)
    chunks = _chunked(stream) if handle is None else _chunks_as_they_arrive(handle)
    number = first_line
    for chunk in chunks:
        yield [_decode(line, name, number + index) for index, line in enumerate(chunk)]
        number += len(chunk)


def _selectable_handle(stream: BinaryIO | Iterable[bytes]) -> int | None:
    """Return the handle of a terminal, pipe or socket, which `select` can wait for; None for anything else."""
    try:
        handle: int = stream.fileno()  # type: ignore[union-attr]
    except (OSError, AttributeError, io.UnsupportedOperation):
        return None
    return None if os.name != "posix" or S_ISREG(os.fstat(handle).st_mode) else handle


def _chunked(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Group lines into chunks of at most `MAX_CHUNK_LINES` lines and about `MAX_CHUNK_BYTES` bytes."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == MAX_CHUNK_LINES or size >= MAX_CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _chunks_as_they_arrive(handle: int) -> Iterator[list[bytes]]:
    """Read what a handle has, and yield the complete lines whenever it pauses."""
    pause_s = 0.0 if os.isatty(handle) else PAUSE_S
    lines: list[bytes] = []
    incomplete: list[bytes] = []  # blocks of the line that has not ended yet
    while block := os.read(handle, _READ_SIZE):
        rest, *starts = block.split(b"\n")
        incomplete.append(rest)
        for start in starts:
            lines.append(b"".join(incomplete))
            incomplete = [start]
        if len(lines) >= MAX_CHUNK_LINES or not select.select([handle], [], [], pause_s)[0]:
            yield from _chunked(lines)
            lines = []
    yield from _chunked([*lines, *filter(None, [b"".join(incomplete)])])


def _decode(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}, line {number}: byte {error.start + 1} is not UTF-8; convert it first, for example with iconv"
        ) from None
