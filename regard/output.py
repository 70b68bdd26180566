"""Files that appear under their names only when they are whole, compressed if the name says so."""

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
    """A text file that appears under its name only when it is whole, as `whole_file`; yields what writes into it."""
    with whole_file(path, draft) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        yield text.write
        text.flush()
        text.detach()


@contextmanager
def whole_file(path: Path, draft: Path | None = None) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is whole; yields it, open to be written.

    A name ending in `.gz` or `.xz` is written compressed. Until it is whole it is `draft`, or has a hidden
    name of its own. What is no plain file, such as /dev/null, is written directly. Raises DataError as
    `check_place` does.
    """
    check_place(path)
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    draft = draft or path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    try:
        with draft.open("wb") as raw, _packing(raw, path.suffix) as packed:
            yield packed
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Raise DataError for a file that cannot be written, because it is a folder or its folder is missing."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.absolute().parent} to write into; make it first")


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
