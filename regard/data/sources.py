"""Where sentence pairs come from: line-parallel files, tables (TSV, JSON lines), data sets of the hub.

A list of names is read as one corpus after another: a name that ends in .tsv or .jsonl (before .gz or .xz) or begins
with `hub:` is a corpus by itself; other files come in pairs, source and target. A single file is a TSV whatever its
name.

In a table with features, the source of a pair is `source TAB features`, which is what models with features expect.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from regard.data.hub import HUB, open_dataset
from regard.data.text import count_filled_lines, read_lines
from regard.errors import DataError
from regard.records.text import Pair

_TABLES = {".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_ARCHIVES = (".gz", ".xz")
_BREAKS = re.compile(r"[\t\n\r]+")  # characters that end a line or a column of a text file
_HALVES = re.compile("[\ud800-\udfff]")  # JSON can spell them, UTF-8 cannot
_HUB_ROWS = 1000


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are read: numbers from 1, names of a header, or keys, dotted where nested.

    Without `source` and `target` they are the first two of a TSV, and `source` and `target` elsewhere. `features`
    names the column whose text, split at ";", is appended to the source as symbols of their own.
    """

    source: str = ""
    target: str = ""
    features: str = ""

    @classmethod
    def from_recipe(cls, columns: Sequence[str | int] = (), features: str | int = "") -> Columns:
        """Build from the keys of a recipe. Raises DataError unless there are two columns or none."""
        names = [str(column) for column in columns]
        if len(names) not in (0, 2):
            raise DataError(
                f"data.columns: expected two, source and target, got {len(names)} ({', '.join(names)}); "
                "name two, or none for the default ones"
            )
        source, target = names or ("", "")
        return cls(source, target, str(features))

    def or_default(self, source: str, target: str) -> Columns:
        """Return these columns, or the default ones where none were chosen."""
        return self if self.source else Columns(source, target, self.features)

    @property
    def names(self) -> list[str]:
        """The columns in the order they are read."""
        return [self.source, self.target, *([self.features] if self.features else [])]


class Source(ABC):
    """One corpus; it is checked when it is opened, and can be read any number of times.

    `files` are the files it reads: none, one with both sides, or one per side.
    """

    name: str
    files: tuple[str | Path, ...] = ()

    @abstractmethod
    def pairs(self) -> Iterator[Pair]:
        """Yield every pair in order. Raises DataError, naming file and line, for a line that cannot be read."""

    @abstractmethod
    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each file, or of the data set."""


class ParallelFiles(Source):
    """Two files, line n of one the translation of line n of the other."""

    def __init__(self, source: str | Path, target: str | Path) -> None:
        self.files = (source, target)
        self.name = f"{source}, {target}"
        num_source, num_target = count_filled_lines(source), count_filled_lines(target)
        if num_source != num_target:
            raise DataError(
                f"{source} has {num_source} lines, {target} has {num_target}; expected the same number, line n of "
                "one the translation of line n of the other; find where they diverge and correct it"
            )

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs line by line."""
        for source, target in zip(*map(read_lines, self.files), strict=True):
            yield Pair(source, target)

    def checksums(self) -> dict[str, str]:
        """Return the checksums of both files."""
        return {str(file): file_checksum(file) for file in self.files}


class Tsv(Source):
    """A file with a pair on each line, in columns between tabs; line 1 is a header if columns are chosen by name."""

    def __init__(self, file: str | Path, columns: Columns) -> None:
        self.file, self.name, self.files = file, str(file), (file,)
        self._columns = columns.or_default("1", "2")
        self._has_header = not all(column.isdecimal() for column in self._columns.names)
        if count_filled_lines(file) == 1 and self._has_header:
            raise DataError(
                f"{file}: expected lines after the header, got only the header; check what wrote it"
            )
        self._indices = self._column_indices()

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs row by row."""
        needed = max(self._indices) + 1
        for number, line in enumerate(read_lines(self.file), start=1):
            if number == 1 and self._has_header:
                continue
            cells = line.split("\t")
            if len(cells) < needed:
                raise DataError(f"{self.file}, line {number}: {self._missing(len(cells), needed)}")
            yield _pair(*(cells[index] for index in self._indices))

    def checksums(self) -> dict[str, str]:
        """Return the checksum of the file."""
        return {self.name: file_checksum(self.file)}

    def _column_indices(self) -> list[int]:
        """Return the indices of the chosen columns, from 0."""
        header = next(read_lines(self.file)).split("\t") if self._has_header else []
        indices = []
        for column in self._columns.names:
            if header.count(column) > 1:
                raise DataError(
                    f"{self.file}, line 1: {header.count(column)} columns are named {column!r}; rename all but one"
                )
            if column in header:
                indices.append(header.index(column))
            elif column.isdecimal() and int(column) > 0:
                indices.append(int(column) - 1)
            else:
                known = f"its columns are {', '.join(header)}" if header else "columns are counted from 1"
                raise DataError(
                    f"{self.file}, line 1: no column {column!r}, {known}; choose with data.columns"
                )
        return indices

    def _missing(self, num_cells: int, needed: int) -> str:
        if self._columns == Columns("1", "2"):
            return (
                "expected source TAB target, got a line without a tab; "
                "correct the line, or name two files if this is one of two line-parallel ones"
            )
        return (
            f"expected at least {needed} columns between tabs, got {num_cells}; "
            "correct the line, or choose other columns with data.columns and data.features"
        )


class JsonLines(Source):
    """A file with a JSON object on each line; blank lines are skipped."""

    def __init__(self, file: str | Path, columns: Columns) -> None:
        self.file, self.name, self.files = file, str(file), (file,)
        self._columns = columns.or_default("source", "target")
        count_filled_lines(file)

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs object by object."""
        for number, line in enumerate(read_lines(self.file), start=1):
            if line.strip():
                row = self._parse(line, f"{self.file}, line {number}")
                where = f"{self.file}, line {number}"
                yield _pair(*(_text(row, column, where) for column in self._columns.names))

    def checksums(self) -> dict[str, str]:
        """Return the checksum of the file."""
        return {self.name: file_checksum(self.file)}

    def _parse(self, line: str, where: str) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # RecursionError: brackets nested too deeply
            raise DataError(f"{where}: broken JSON ({error}); expected one object on each line") from None
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected a JSON object, got {line[:40]}; write keys with their values")
        return row


class HubDataset(Source):
    """A data set of the Hugging Face hub, or a local folder that `datasets` can read.

    It is named `hub:NAME` or `hub:NAME:SUBSET`, either followed by `@SPLIT`.
    """

    def __init__(self, name: str, columns: Columns, split: str) -> None:
        self.name = name
        self._columns = columns.or_default("source", "target")
        self._data = open_dataset(name, self._columns.names, split)

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs row by row."""
        number = 0
        for rows in self._data.iter(batch_size=_HUB_ROWS):
            for cells in zip(*(rows[column] for column in self._columns.names), strict=True):
                number += 1
                for column, cell in zip(self._columns.names, cells, strict=True):
                    _check_text(cell, column, f"{self.name}, row {number}")
                yield _pair(*cells)

    def checksums(self) -> dict[str, str]:
        """Return the checksum of the data set's texts."""
        digest = hashlib.sha256()
        for pair in self.pairs():
            digest.update(f"{pair.source}\n{pair.target}\n".encode("utf-8", "surrogatepass"))
        return {self.name: digest.hexdigest()}


def open_sources(
    names: str | Path | Sequence[str | Path],
    columns: Sequence[str | int] = (),
    features: str | int = "",
    split: str = "train",
) -> list[Source]:
    """Open the corpora of these files and hub names, and check whatever can be checked before reading pairs.

    `split` is read of a hub data set whose name has none. Raises DataError for a missing or empty file, for unequal
    numbers of lines, for a column missing in a header, for a file without its partner.
    """
    chosen = Columns.from_recipe(columns, features)
    listed: list[str | Path] = [names] if isinstance(names, str | Path) else list(names)
    if not listed:
        raise DataError(
            "expected two line-parallel files (source, target) or one TSV, got 0 files; name one or two"
        )
    if len(listed) == 1 and _kind(listed[0]) == "text":
        return [Tsv(listed[0], chosen)]
    return [_source(group, chosen, split) for group in _groups(listed)]


def read_pairs(
    files: str | Path | Sequence[str | Path],
    columns: Sequence[str | int] = (),
    features: str | int = "",
    split: str = "train",
) -> Iterator[Pair]:
    """Return an iterator over all pairs of these corpora, one corpus after the other.

    Raises DataError at once as `open_sources` does; while iterating, for a missing column, broken JSON and bytes that
    are not UTF-8, naming file and line.
    """
    return chain.from_iterable([source.pairs() for source in open_sources(files, columns, features, split)])


def is_table(name: str | Path) -> bool:
    """Return whether a name says that it holds both sides."""
    return _kind(name) != "text"


def file_checksum(file: str | Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with Path(file).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _kind(name: str | Path) -> str:
    """Return text, tsv, jsonl or hub, judging by the name."""
    if str(name).startswith(HUB):
        return "hub"
    path = Path(name)
    suffix = Path(path.stem).suffix if path.suffix.lower() in _ARCHIVES else path.suffix
    return _TABLES.get(suffix.lower(), "text")


def _groups(names: Sequence[str | Path]) -> list[list[str | Path]]:
    """Group the names by corpus: a table alone, other files in pairs."""
    groups: list[list[str | Path]] = []
    for name in names:
        alone = bool(groups) and len(groups[-1]) == 1 and _kind(groups[-1][0]) == "text"
        if alone and _kind(name) == "text":
            groups[-1].append(name)
        elif alone:
            break
        else:
            groups.append([name])
    if len(groups[-1]) == 1 and _kind(groups[-1][0]) == "text":
        raise DataError(
            f"{groups[-1][0]}: has no partner, got {len(names)} files; expected two line-parallel files, source and "
            "target, one after the other, or tables, whose names end in .tsv or .jsonl (then .gz, .xz)"
        )
    return groups


def _source(names: Sequence[str | Path], columns: Columns, split: str) -> Source:
    kind, name = _kind(names[0]), names[0]
    if kind == "text":
        if columns.features:
            raise DataError(
                f"data.features: {name} and {names[1]} are line-parallel files, without columns; "
                "put source, target and features into one TSV"
            )
        return ParallelFiles(name, names[1])
    if kind == "hub":
        return HubDataset(str(name), columns, split)
    return Tsv(name, columns) if kind == "tsv" else JsonLines(name, columns)


def _pair(source: str, target: str, features: str | None = None) -> Pair:
    """Return a pair of single lines; features, if any, follow the source's only tab."""
    source, target = _BREAKS.sub(" ", source), _BREAKS.sub(" ", target)
    return Pair(source if features is None else f"{source}\t{_BREAKS.sub(' ', features)}", target)


def _text(row: dict[str, Any], column: str, where: str) -> str:
    """Return the text under a key, which may be dotted: `translation.de`."""
    value: Any = row
    for key in [column] if column in row else column.split("."):
        if not isinstance(value, dict) or key not in value:
            raise DataError(
                f"{where}: no key {column!r}; its keys are {', '.join(_keys(row))}; choose with data.columns"
            )
        value = value[key]
    return _check_text(value, column, where)


def _keys(row: dict[str, Any], inside: str = "") -> Iterator[str]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{inside}{key}.")
        else:
            yield f"{inside}{key}"


def _check_text(value: Any, column: str, where: str) -> str:
    if not isinstance(value, str):
        got = json.dumps(value, default=str)[:40]
        raise DataError(f"{where}: expected text under {column!r}, got {got}")
    if half := _HALVES.search(value):
        raise DataError(
            f"{where}: half a character (\\u{ord(half[0]):x}) under {column!r}; "
            "write a character beyond U+FFFF as two escapes, or as itself"
        )
    return value
