"""Test sets: sentence pairs from files, with gold word links, and texts that belong to them line by line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regard.alignment import read_links
from regard.checkpoint import load_config
from regard.data import read_lines, read_pairs
from regard.data.sources import is_table
from regard.data.text import count_filled_lines
from regard.errors import ConfigError, DataError
from regard.records.text import Links, Pair, Table
from regard.translator import Translator, table_in

if TYPE_CHECKING:
    from regard.lab.systems import System

TestSet = Sequence[Pair] | Sequence[str | Path] | str | Path


def read_test_set(
    files: Sequence[str | Path],
    links: str | Path | None = None,
    one_indexed: bool = False,
    table: Table | None = None,
) -> list[Pair]:
    """Read pairs from two line-parallel files or a table, with their gold links from the file `links`, if any.

    `table` names the columns of a table. Raises DataError, naming file and line, if text or links cannot be read or
    do not match.
    """
    table = table or Table()
    pairs = list(read_pairs(list(files), table.columns, table.features, split="test"))
    if links is None:
        return pairs
    gold = read_links(links, one_indexed=one_indexed)
    if len(gold) != len(pairs):
        raise DataError(
            f"{links}: expected a line of links for each of {len(pairs)} sentence pairs, got {len(gold)} lines"
        )
    for number, (pair, pair_links) in enumerate(zip(pairs, gold, strict=True), start=1):
        _check_links(f"{links}, line {number}", pair, pair_links)
    return [Pair(pair.source, pair.target, pair_links) for pair, pair_links in zip(pairs, gold, strict=True)]


def has_sources_only(files: Sequence[str | Path]) -> bool:
    """Return whether the files are a single one without targets, judging by its name."""
    return len(files) == 1 and not is_table(files[0])


def read_sources(file: str | Path) -> list[Pair]:
    """Read the lines of a file as sources with empty targets. Raises DataError for an empty file."""
    count_filled_lines(file)
    return [Pair(line, "") for line in read_lines(file)]


def sentence_pairs(test_set: TestSet, systems: Sequence[System] = ()) -> list[Pair]:
    """Return the pairs of a test set, reading them if it names files; tables are read as the systems' recipes say.

    Raises DataError for anything else, and ConfigError as `resolve_table` does.
    """
    entries = [test_set] if isinstance(test_set, str | Path) else list(test_set)
    if entries and all(isinstance(entry, str | Path) for entry in entries):
        files = [entry for entry in entries if not isinstance(entry, Pair)]
        return read_test_set(files, table=resolve_table(systems, files))
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, Pair):
            raise DataError(
                f"test set: expected regard.Pair(source, target), or the names of its files, got {entry!r} as number "
                f"{number}; wrap the two sides in a Pair"
            )
    if not entries:
        raise DataError("test set: expected at least one sentence pair, got none; check the files")
    return [entry for entry in entries if isinstance(entry, Pair)]


def resolve_table(
    systems: Sequence[System],
    files: Sequence[str | Path],
    columns: Sequence[str | int] = (),
    features: str | int | None = None,
) -> Table:
    """Return which columns of a table to read: `columns` and `features`, or else those of the systems' recipes.

    Without a recipe, as for files of translations, they are the default ones. Raises ConfigError if the recipes
    disagree about what is not specified.
    """
    explicit = Table(tuple(columns), "" if features is None else features)
    if len(files) > 1 and not any(map(is_table, files)):
        return explicit
    tables = [
        (system, Table(explicit.columns or own.columns, own.features if features is None else features))
        for system in systems
        if (own := _table_of(system)) is not None
    ]
    for system, table in tables:
        if table != tables[0][1]:
            raise ConfigError(
                f"{_describe_table(*tables[0])}, {_describe_table(system, table)}: they cannot share a table; choose "
                "with --columns and --features, or in Python with "
                "regard.read_test_set(files, table=regard.Table(...))"
            )
    return tables[0][1] if tables else explicit


def _table_of(system: System) -> Table | None:
    if isinstance(system, Translator):
        return system.table
    if not isinstance(system, str | Path) or not Path(system).is_dir():
        return None
    return table_in(load_config(system).data)


def _describe_table(system: System, table: Table) -> str:
    name = "a Translator" if isinstance(system, Translator) else system
    columns = " and ".join(map(str, table.columns)) or "the default columns"
    return f"{name} reads {columns}" + (f" with features in {table.features}" if table.features else "")


def read_column(text: Sequence[str] | str | Path, num_pairs: int, what: str) -> list[str]:
    """Return a line for each pair of a test set, from a file if one is named. Raises DataError for another number."""
    name, lines = (text, read_lines(text)) if isinstance(text, str | Path) else (what, iter(text))
    column = list(lines)
    if len(column) != num_pairs:
        raise DataError(
            f"{name}: expected a line of {what} for each of the {num_pairs} sentences of the test set, got "
            f"{len(column)} lines"
        )
    return column


def _check_links(where: str, pair: Pair, links: Links) -> None:
    source_length, target_length = len(pair.source.split()), len(pair.target.split())
    for s, t in links.possible:
        if s >= source_length or t >= target_length:
            raise DataError(
                f"{where}: expected links within {source_length} source and {target_length} target words, got "
                f"{s}-{t} (counted from 0); check that the files belong together, and --one-indexed"
            )
