"""Atomic writes: a file or folder appears under its name only when it is complete.

    atomic_file, atomic_text    replace one file
    atomic_folder               replace a whole folder
    atomic_update               replace some files of a folder together; its other files stay

Each yields a draft on the same file system. When the block ends, the draft is flushed to disk (fsync) and takes
effect by one rename, which is then flushed too. A block that raises leaves the old content and no draft. A process
killed at any instant leaves the old content or the new, never a mixture, and at most a hidden draft. New files get
the permissions of the user's umask.

An update takes effect by renaming its draft to `.ready/`; from there the files move into place. Whoever reads
files that `atomic_update` writes asks `committed_file` where they are. A folder that is replaced is first renamed
out of the way, since no system call exchanges two folders on every platform: a process killed between the two renames
leaves nothing under the name, and the old folder next to it, `.NAME.….old`.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from regard.errors import DataError

Write = Callable[[str], object]
_DRAFT, _READY = ".draft", ".ready"  # folders within a folder that is updated
_LEFTOVER = re.compile(r"\.(?P<target>.+)\.[0-9a-f]{16}\.(draft|old)")


@contextmanager
def atomic_text(path: Path, draft_folder: Path | None = None) -> Iterator[Write]:
    """Replace a text file (UTF-8, no newline translation); yields its `write`. All else as in `atomic_file`."""
    with atomic_file(path, draft_folder) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        yield text.write
        text.flush()
        text.detach()


@contextmanager
def atomic_file(path: Path, draft_folder: Path | None = None) -> Iterator[IO[bytes]]:
    """Replace a file; yields its draft, open for writing.

    A name ending in `.gz` or `.xz` is compressed. The draft is a hidden file in `draft_folder`, by default the
    folder of `path`. Anything but a regular file, such as /dev/null, is written directly. Raises DataError as
    `check_writable` does.
    """
    check_writable(path)
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    draft = (draft_folder or path.parent) / _draft_name(path)
    opened = _open_draft(draft, path)
    try:
        with opened as raw, _compressor(raw, path.suffix) as file:
            yield file
        _sync_file(draft)
        os.replace(draft, path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path, keep: Callable[[Path], bool] = lambda existing: False) -> Iterator[Path]:
    """Replace a folder with all its content; yields its draft, an empty folder.

    Other processes may do the same at the same time: whatever has the name when the block ends is replaced, unless
    `keep` accepts it; then the draft is dropped.
    """
    target = folder.absolute()
    draft = target.with_name(_draft_name(target))
    draft.mkdir(parents=True)
    try:
        yield draft
        if not keep(target):
            _sync_tree(draft)
            _swap_folders(draft, target, keep)
            _sync_folder(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def atomic_update(folder: Path) -> Iterator[Path]:
    """Replace files of a folder, all or none; yields a draft folder, whose files replace those of the same names.

    Other files of `folder` stay. One process at a time may update a folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _finish_update(folder)
    draft = folder / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
        for file in draft.iterdir():
            file.chmod(_default_mode())  # safetensors lets only the owner read
            _sync_file(file)
        _sync_folder(draft)
        os.replace(draft, folder / _READY)  # from here on the new files count, moved or not
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _sync_folder(folder)
    _finish_update(folder)


def committed_file(folder: Path, name: str) -> Path:
    """Return the path of the newest complete version of a file written by `atomic_update`."""
    waiting = folder / _READY / name
    return waiting if waiting.is_file() else folder / name


def list_entries(folder: Path) -> list[Path]:
    """List a folder without the drafts that a killed `atomic_update` may have left; empty if there is no folder."""
    found = folder.iterdir() if folder.is_dir() else ()
    return [entry for entry in found if entry.name not in (_DRAFT, _READY)]


def leftover_target(name: str) -> str | None:
    """Return the name that a leftover draft was to take, or a replaced folder had; None for any other file."""
    found = _LEFTOVER.fullmatch(name)
    return found["target"] if found else None


def check_writable(path: Path) -> None:
    """Raise DataError for a file that cannot be written: it is a folder, or its folder is missing or read-only."""
    folder = path.absolute().parent
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    if not folder.is_dir():
        raise DataError(f"{path}: there is no folder {folder} to write into; make it first")
    is_device = path.exists() and not path.is_file()
    if not is_device and not os.access(folder, os.W_OK):
        raise DataError(f"{path}: no permission to write into {folder}; choose another folder")


def _draft_name(path: Path) -> str:
    return f".{path.name}.{secrets.token_hex(8)}.draft"


def _open_draft(draft: Path, path: Path) -> IO[bytes]:
    """Open the draft of a file. Raises DataError that names the file, not the draft."""
    try:
        return draft.open("wb")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another path") from None


@contextmanager
def _compressor(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    """Compress into a file as its suffix says; equal content gives equal bytes."""
    if suffix == ".gz":
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as compressed:
            yield compressed  # type: ignore[misc]
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb") as compressed:
            yield compressed
    else:
        yield raw


def _swap_folders(draft: Path, target: Path, keep: Callable[[Path], bool]) -> None:
    """Give the draft the name of the target; other processes may do the same at any instant."""
    old = draft.with_suffix(".old")
    if target.is_dir():
        with suppress(FileNotFoundError):
            os.replace(target, old)
    try:
        os.replace(draft, target)
    except OSError:
        if not keep(target):
            if old.is_dir() and not target.exists():
                os.replace(old, target)
            raise
    shutil.rmtree(old, ignore_errors=True)


def _finish_update(folder: Path) -> None:
    """Finish an update that has taken effect: move what waits in `.ready/` over the old files."""
    ready = folder / _READY
    if not ready.is_dir():
        return
    for file in sorted(ready.iterdir()):
        os.replace(file, folder / file.name)
    _sync_folder(folder)
    ready.rmdir()


def _default_mode() -> int:
    """The permissions that a new file gets from the user's umask."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync_file(Path(parent, name))
        _sync_folder(Path(parent))


def _sync_file(file: Path) -> None:
    """Wait until the content of a file is on the disk."""
    _sync(file, os.O_RDWR)


def _sync_folder(folder: Path) -> None:
    """Wait until the entries of a folder are on the disk."""
    with suppress(PermissionError):  # Windows opens no folder, POSIX none without permission to read
        _sync(folder, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
