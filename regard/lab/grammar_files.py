"""Write the embedded corpus to files, to read or to use elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from regard.alignment import format_links
from regard.atomic_writes import atomic_update, list_entries
from regard.data.grammar import HELD_OUT, LONGEST, SHORTEST, generate
from regard.errors import DataError
from regard.records.text import Links, Pair

NUM_PAIRS = 60_000  # training pairs
NUM_HELD_OUT = 1000  # pairs of validation, of test, and of each held-out construction
NUM_PER_LENGTH = 50
_SUFFIXES = (".de", ".en", ".links")
Tell = Callable[[str], None]


def write_grammar(
    folder: str | Path,
    num_pairs: int = NUM_PAIRS,
    seed: int = 1,
    *,
    overwrite: bool = False,
    tell: Tell = lambda line: None,
    watch: Callable[[int], object] = lambda count: None,
) -> None:
    """Write the embedded corpus: train, validation, test, test.lengths, and a test set per held-out construction.

    Each set is three line-parallel files: `.de`, `.en`, and `.links` with the gold links, counted from 0, `1-2` for
    sure and `1p2` for possible ones. `test.lengths` has fifty sentences of each length from 2 words on, or all of a
    length that has fewer. The same arguments give the same bytes. The files appear together once all are complete;
    `watch` is called with 1 for every pair, `tell` with a line for every set. Raises DataError if the folder contains
    other files, or an earlier corpus without `overwrite`.
    """
    if num_pairs < 1:
        raise DataError(f"--pairs: expected a number from 1 on, got {num_pairs}")
    folder = Path(folder)
    _check_folder(folder, overwrite)
    sets: dict[str, Iterator[Pair]] = {
        "train": generate(num_pairs, seed),
        "validation": generate(NUM_HELD_OUT, seed, split="validation"),
        "test": generate(NUM_HELD_OUT, seed, split="test"),
        "test.lengths": _every_length(seed),
    }
    for name in HELD_OUT:
        sets[f"test.{name}"] = generate(NUM_HELD_OUT, seed, split="test", construction=name)
    with atomic_update(folder) as draft:
        counts = {name: _write(draft / name, pairs, watch) for name, pairs in sets.items()}
    for name, count in counts.items():
        tell(f"{folder / name}: {count:,} pair{'' if count == 1 else 's'}")


def _check_folder(folder: Path, overwrite: bool) -> None:
    files = list_entries(folder)
    if folder.is_file() or any(file.suffix not in _SUFFIXES for file in files):
        raise DataError(f"{folder}: expected a new or empty folder, got a file or a folder with other files")
    if files and not overwrite:
        raise DataError(
            f"{folder}: already contains a generated corpus; replace it with --overwrite, or choose another --out"
        )


def _write(path: Path, pairs: Iterator[Pair], watch: Callable[[int], object]) -> int:
    """Write one set, and return its number of pairs."""
    count = 0
    source, target, links = (path.with_name(path.name + suffix) for suffix in _SUFFIXES)
    with _open(source) as de, _open(target) as en, _open(links) as gold:
        for pair in pairs:
            de.write(pair.source + "\n")
            en.write(pair.target + "\n")
            gold.write(format_links(pair.links or Links()) + "\n")
            count += 1
            watch(1)
    return count


def _open(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="\n")


def _every_length(seed: int) -> Iterator[Pair]:
    for length in range(SHORTEST, LONGEST + 1):
        try:
            yield from generate(NUM_PER_LENGTH, seed, split="test", length=(length, length))
        except DataError:  # a short length has fewer sentences, and all of them have been generated
            continue
