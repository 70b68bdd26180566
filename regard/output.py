"""Text files that appear under their names only when they are whole, compressed if the name says so."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from regard.errors import DataError

Write = Callable[[str], object]


@contextmanager
def whole_output(path: Path, draft: Path | None = None) -> Iterator[Write]:
    """A file that appears under its name only when it is whole; yields what writes text into it.

    A name ending in `.gz` or `.xz` is written compressed. Until it is whole it is `draft`, or has a hidden
    name of its own. What is no plain file, such as /dev/null, is written directly. Raises DataError as
    `check_place` does.
    """
    check_place(path)
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file.write
        return
    draft = draft or path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    opened = _opened(draft, path)
    try:
        with opened as raw, _packing(raw, path.suffix) as packed:
            text = io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
            yield text.write
            text.flush()
            text.detach()
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Raise DataError for a file that cannot be written: it is a folder, or its folder is missing or read-only."""
    folder = path.absolute().parent
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    if not folder.is_dir():
        raise DataError(f"{path}: there is no folder {folder} to write into; make it first")
    is_device = path.exists() and not path.is_file()
    if not is_device and not os.access(folder, os.W_OK):
        raise DataError(f"{path}: nothing may be written into {folder}; name another place")


def _opened(draft: Path, path: Path) -> IO[bytes]:
    """The draft of a file. Raises DataError in the file's own name."""
    try:
        return draft.open("wb")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); name another place") from None


@contextmanager
def _packing(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    """What compresses into a file as its suffix says: the same text always gives the same bytes."""
    if suffix == ".gz":
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
            yield packed  # type: ignore[misc]
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb") as packed:
            yield packed
    else:
        yield raw
