"""The embedded corpus as files, for those who want to read it or train something else on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from regard.alignment import format_links
from regard.atomic_writes import atomic_update, list_entries
from regard.data.grammar import HELD_OUT, LONGEST, SHORTEST, generate
from regard.errors import DataError
from regard.records.text import Links, Pair

NUM_PAIRS = 60_000  # of train
NUM_HELD_BACK = 1000  # pairs of validation, of test, and of each held-out construction
PAIRS_A_LENGTH = 50
_SUFFIXES = (".de", ".en", ".links")
Tell = Callable[[str], None]


def write_grammar(
    folder: str | Path,
    num_pairs: int = NUM_PAIRS,
    seed: int = 1,
    *,
    overwrite: bool = False,
    tell: Tell = lambda line: None,
    watch: Callable[[int], object] = lambda number: None,
) -> None:
    """Write the embedded corpus: train, validation, test, test.lengths, a test set for each held-out construction.

    Each is three line-parallel files: `.de`, `.en`, and `.links` with the gold links, from zero, `1-2` sure and `1p2`
    merely possible. `test.lengths` has fifty sentences of each length from 2 words on; where a length has fewer, all
    of them. The same arguments give the same bytes. All files appear when all are whole; `watch` hears of every pair,
    `tell` of every file. Raises DataError if the folder holds other files, or an earlier corpus that is not to be
    overwritten.
    """
    if num_pairs < 1:
        raise DataError(f"--pairs: expected a number from 1 on, got {num_pairs}")
    folder = Path(folder)
    _check_folder(folder, overwrite)
    sets: dict[str, Iterator[Pair]] = {
        "train": generate(num_pairs, seed),
        "validation": generate(NUM_HELD_BACK, seed, split="validation"),
        "test": generate(NUM_HELD_BACK, seed, split="test"),
        "test.lengths": _every_length(seed),
    }
    for name in HELD_OUT:
        sets[f"test.{name}"] = generate(NUM_HELD_BACK, seed, split="test", construction=name)
    with atomic_update(folder) as draft:
        numbers = {name: _write(draft / name, pairs, watch) for name, pairs in sets.items()}
    for name, number in numbers.items():
        tell(f"{folder / name}: {number:,} pair{'' if number == 1 else 's'}")


def _check_folder(folder: Path, overwrite: bool) -> None:
    there = list_entries(folder)
    if folder.is_file() or any(file.suffix not in _SUFFIXES for file in there):
        raise DataError(f"{folder}: is a file or holds other files already; give an empty or new folder")
    if there and not overwrite:
        raise DataError(
            f"{folder}: holds a generated corpus already; --overwrite replaces it, --out FOLDER writes elsewhere"
        )


def _write(path: Path, pairs: Iterator[Pair], watch: Callable[[int], object]) -> int:
    """Write one set; how many pairs it has."""
    number = 0
    source, target, links = (path.with_name(path.name + suffix) for suffix in _SUFFIXES)
    with _lines(source) as de, _lines(target) as en, _lines(links) as gold:
        for pair in pairs:
            de.write(pair.source + "\n")
            en.write(pair.target + "\n")
            gold.write(format_links(pair.links or Links()) + "\n")
            number += 1
            watch(1)
    return number


def _lines(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="\n")


def _every_length(seed: int) -> Iterator[Pair]:
    for length in range(SHORTEST, LONGEST + 1):
        try:
            yield from generate(PAIRS_A_LENGTH, seed, split="test", length=(length, length))
        except DataError:  # the shortest lengths have only so many sentences, and all were given
            continue
