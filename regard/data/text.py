"""Reading text files line by line, plain or compressed, with messages that name file and line.

A line ends at a line feed and nowhere else: U+2028, U+0085 and vertical tabs are characters of their line.
A carriage return before the line feed is dropped, and so is a byte-order mark before the first line.
"""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from regard.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_SIZE = 1 << 20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_OTHER_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"BZh91AY&SY": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"7z\xbc\xaf": "7-zip",
}


def open_text(path: str | Path) -> BinaryIO:
    """Open a text file as bytes: every corpus file is read through this function.

    gzip and xz are decompressed, recognised by their first bytes and not by name. Raises DataError if the file does
    not exist, suggesting one with a similar name, for UTF-16, and, also while reading, for a broken archive.
    """
    path = Path(path)
    if path.is_file():
        return _refuse_utf_16(path, _open_decompressed(path))
    if path.is_dir():
        raise DataError(f"{path}: expected a text file, got a folder; name the file in it")
    if path.exists():
        raise DataError(
            f"{path}: expected a regular file, since it is read twice; write the stream to a file first"
        )
    raise DataError(f"{path}: no such file{_suggestion(path)}")


def count_lines(path: str | Path) -> int:
    """Count the lines of a file, also a last one without a line feed."""
    count, last = 0, b"\n"
    with open_text(path) as file:
        while block := file.read(_BLOCK_SIZE):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def count_filled_lines(path: str | Path) -> int:
    """Count the lines of a file that must have some. Raises DataError for an empty file."""
    count = count_lines(path)
    if count == 0:
        raise DataError(f"{path}: expected at least one line, got an empty file; check what wrote it")
    return count


def read_lines(path: str | Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 file without their line ends.

    Raises DataError at bytes that are not UTF-8, naming the line and the byte's offset in the (decompressed) file.
    """
    offset = 0
    with open_text(path) as file:
        for number, raw in enumerate(file, start=1):
            yield _decode(raw, path, number, offset)
            offset += len(raw)


def count_carriage_returns(path: str | Path) -> int:
    """Count the lines that end in a carriage return and a line feed, as on Windows."""
    count, last = 0, b""
    with open_text(path) as file:
        while block := file.read(_BLOCK_SIZE):
            count += (last + block).count(b"\r\n")
            last = b"\r" if block.endswith(b"\r") else b""
    return count


def has_byte_order_mark(path: str | Path) -> bool:
    """Return whether a file begins with a UTF-8 byte-order mark."""
    with open_text(path) as file:
        return file.read(3) == codecs.BOM_UTF8


class _Decompressed(io.RawIOBase):
    """The content of a compressed file; a broken one raises DataError wherever the reader finds out."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        try:
            block = self._file.read(len(view))
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise DataError(
                f"{self._path}: broken archive ({error}); download or copy the file again"
            ) from None
        view[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._file.close()
        super().close()


def _refuse_utf_16(path: Path, file: io.BufferedReader) -> io.BufferedReader:
    """Return the file, or raise DataError if it begins as UTF-16, whose lines cannot even be counted."""
    try:
        if not file.peek(2).startswith(_UTF_16):
            return file
    except DataError:
        file.close()
        raise
    file.close()
    raise DataError(
        f"{path}: expected UTF-8, got UTF-16; convert it, for example: iconv -f UTF-16 -t UTF-8 {path}"
    )


def _open_decompressed(path: Path) -> io.BufferedReader:
    with path.open("rb") as file:
        start = file.read(10)
    if start.startswith((_GZIP, _XZ)):
        open_archive = gzip.open if start.startswith(_GZIP) else lzma.open
        return io.BufferedReader(_Decompressed(path, open_archive(path)), _BLOCK_SIZE)  # type: ignore[arg-type]
    for magic, name in _OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise DataError(
                f"{path}: expected plain text, .gz or .xz, got a {name} archive; unpack it, or compress it with gzip"
            )
    return path.open("rb")


def _decode(raw: bytes, path: str | Path, number: int, offset: int) -> str:
    """Decode one line; `offset` is that of its first byte in the file."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: byte 0x{raw[error.start]:02X} at offset {offset + error.start} is not UTF-8; "
            f"convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 {path}"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    return text.removeprefix("\ufeff") if number == 1 else text


def _suggestion(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f", and no folder {folder}; check the path"
    close = difflib.get_close_matches(path.name, [file.name for file in folder.iterdir()], n=1, cutoff=0.75)
    return f"; did you mean {folder / close[0]}?" if close else "; check the path"
