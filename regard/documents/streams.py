"""Lines as they come: many at once from a file, those that are there when a pipe pauses, one from a person."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterable, Iterator
from stat import S_ISREG
from typing import BinaryIO

from regard.errors import DataError

CHUNK = 1024  # lines translated together, at most
CHUNK_BYTES = 1 << 19  # of them; a chunk has at least one line
PAUSE_S = 0.2  # a pipe that brings nothing for so long is waited for only when what it brought is translated
_READ_SIZE = 1 << 16


def read_chunks(stream: BinaryIO | Iterable[bytes], name: str, first_line: int = 1) -> Iterator[list[str]]:
    """The lines of a stream in lists, without their line ends: none waits for a line that has yet to be written.

    Raises DataError for bytes that are no UTF-8, naming the line.
    """
    handle = _pausing(stream)
    lines = _in_chunks(stream) if handle is None else _arriving(handle)
    number = first_line
    for chunk in lines:
        yield [_text(line, name, number + place) for place, line in enumerate(chunk)]
        number += len(chunk)


def _pausing(stream: BinaryIO | Iterable[bytes]) -> int | None:
    """The handle of a terminal, a pipe or a socket, which can be asked for what is there; None for anything else."""
    try:
        handle: int = stream.fileno()  # type: ignore[union-attr]
    except (OSError, AttributeError, io.UnsupportedOperation):
        return None
    return None if os.name != "posix" or S_ISREG(os.fstat(handle).st_mode) else handle


def _in_chunks(stream: Iterable[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for line in stream:
        chunk.append(line)
        size += len(line)
        if len(chunk) == CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _arriving(handle: int) -> Iterator[list[bytes]]:
    pause = 0.0 if os.isatty(handle) else PAUSE_S
    lines: list[bytes] = []
    begun: list[bytes] = []  # of the line that is still to end
    while block := os.read(handle, _READ_SIZE):
        begin, *others = block.split(b"\n")
        begun.append(begin)
        for other in others:
            lines.append(b"".join(begun))
            begun = [other]
        if len(lines) >= CHUNK or not select.select([handle], [], [], pause)[0]:
            yield from _in_chunks(lines)
            lines = []
    yield from _in_chunks([*lines, *filter(None, [b"".join(begun)])])


def _text(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}, line {number}: byte {error.start + 1} is not UTF-8; convert it first, for example with iconv"
        ) from None
