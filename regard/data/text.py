"""Reading text files, line by line and pair by pair, with messages that name file and line.

A line ends at a line feed and nowhere else: U+2028, U+0085 and vertical tabs are characters of their line.
A carriage return before the line feed is dropped, and so is a byte-order mark before the first line.
"""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from regard.errors import DataError
from regard.records import Pair

_BLOCK_SIZE = 1 << 20


def open_text(path: str | Path) -> BinaryIO:
    """Open a text file as bytes: the one door through which every corpus file is read.

    Raises DataError where there is no such file, naming one with a similar name if there is one.
    """
    path = Path(path)
    if path.is_file():
        return path.open("rb")
    if path.is_dir():
        raise DataError(f"{path}: expected a text file, came a folder; name the file in it")
    if path.exists():
        raise DataError(
            f"{path}: expected a plain file, for it is read twice; write the stream to a file first"
        )
    raise DataError(f"{path}: no such file{_suggestion(path)}")


def count_lines(path: str | Path) -> int:
    """How many lines a file has; a last line without a line feed counts too."""
    count, last = 0, b"\n"
    with open_text(path) as file:
        while block := file.read(_BLOCK_SIZE):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def read_lines(path: str | Path) -> Iterator[str]:
    """The lines of a UTF-8 file, without their line ends.

    Raises DataError at bytes that are not UTF-8, naming the line and the byte's place in the file.
    """
    position = 0
    with open_text(path) as file:
        for number, raw in enumerate(file, start=1):
            yield _decode(raw, path, number, position)
            position += len(raw)


def read_pairs(files: str | Path | Sequence[str | Path]) -> Iterator[Pair]:
    """Sentence pairs from two line-parallel files (source, target) or from one TSV (source TAB target).

    A TSV's further columns are left alone. What can be known before the first pair is checked at once, not
    at the first pair: raises DataError for a missing or empty file and for unequal numbers of lines; later
    for a TSV line without a tab and for bytes that are not UTF-8.
    """
    paths = [Path(file) for file in ([files] if isinstance(files, str | Path) else files)]
    if len(paths) == 1:
        _check_not_empty(paths[0], count_lines(paths[0]))
        return _tsv_pairs(paths[0])
    if len(paths) == 2:
        _check_parallel(*paths)
        return _parallel_pairs(*paths)
    came = ", ".join(map(str, paths)) or "none"
    raise DataError(
        f"expected two line-parallel files (source, target) or one TSV, came {len(paths)} files ({came}); "
        "name one or two"
    )


def _check_parallel(source: Path, target: Path) -> None:
    num_source, num_target = count_lines(source), count_lines(target)
    _check_not_empty(source, num_source)
    _check_not_empty(target, num_target)
    if num_source != num_target:
        raise DataError(
            f"{source} has {num_source} lines, {target} has {num_target}: expected as many in both, line n of one "
            "the translation of line n of the other; find where they part and mend it"
        )


def _check_not_empty(path: Path, num_lines: int) -> None:
    if num_lines == 0:
        raise DataError(f"{path}: expected at least one line, came an empty file; check what wrote it")


def _parallel_pairs(source: Path, target: Path) -> Iterator[Pair]:
    for source_line, target_line in zip(read_lines(source), read_lines(target), strict=True):
        yield Pair(source_line, target_line)


def _tsv_pairs(path: Path) -> Iterator[Pair]:
    for number, line in enumerate(read_lines(path), start=1):
        columns = line.split("\t", 2)
        if len(columns) < 2:
            raise DataError(
                f"{path}, line {number}: expected source TAB target, came a line without a tab; "
                "mend the line, or name two files if this is one of two line-parallel ones"
            )
        yield Pair(columns[0], columns[1])


def _decode(raw: bytes, path: str | Path, number: int, position: int) -> str:
    """One line as text; `position` is the place of its first byte in the file."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: byte 0x{raw[error.start]:02X} at offset {position + error.start} is not UTF-8; "
            f"convert the file, for example: iconv -f {_likely_encoding(raw)} -t UTF-8 {path}"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    return text.removeprefix("\ufeff") if number == 1 else text


def _likely_encoding(raw: bytes) -> str:
    return "UTF-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "WINDOWS-1252"


def _suggestion(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f", and no folder {folder}; check the path"
    close = difflib.get_close_matches(path.name, [file.name for file in folder.iterdir()], n=1)
    return f"; did you mean {folder / close[0]}?" if close else "; check the path"
