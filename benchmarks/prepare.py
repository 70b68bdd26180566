"""How many pairs per second each stage of preparation handles: reading, cleaning, learning, encoding, caching.

Uses Tatoeba German-English if REGARD_DATA has it, else pairs of the embedded grammar in a TSV. Each stage also
reports the CPU seconds of all threads: on a busy machine that is the figure to compare.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from corpus import data_folder
from machine import machine

from regard.config import Config, DataConfig, TokeniserConfig
from regard.data import Corpus, Tokeniser, read_pairs
from regard.data.cleaning import Cleaner
from regard.data.grammar import generate
from regard.data.pair_file import PairFile
from regard.training import prepare

TATOEBA = data_folder() / "tatoeba" / "deu-eng.tsv.xz"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--kinds", nargs="+", default=["words", "characters", "bpe", "unigram"])
    options = arguments.parse_args()
    with TemporaryDirectory() as folder:
        os.environ["REGARD_CACHE"] = folder
        file, columns = _corpus(Path(folder))
        pairs = list(read_pairs(file, columns))
        print(f"{machine()}, load {os.getloadavg()[0]:.1f}; {len(pairs):,} pairs of {file.name}")
        _stages(file, columns, Path(folder), options.rounds)
        for kind in options.kinds:
            _tokeniser(kind, file, columns, Path(folder), options.rounds)


def _corpus(folder: Path) -> tuple[Path, list[int | str]]:
    if TATOEBA.is_file():
        return TATOEBA, [2, 1]
    file = folder / "grammar.tsv"
    file.write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in generate(50_000, 1)))
    return file, [1, 2]


def _stages(file: Path, columns: list[int | str], folder: Path, rounds: int) -> None:
    pairs = list(read_pairs(file, columns))
    cleaner = Cleaner(source_scripts=["Latin"], target_scripts=["Latin"], drop_duplicates=True)
    _time("read", len(pairs), rounds, lambda: sum(1 for _ in read_pairs(file, columns)))
    _time("clean, all rules", len(pairs), rounds, lambda: [cleaner.clean(pair) for pair in pairs])
    _time("write as text", len(pairs), rounds, lambda: PairFile.write(folder / "pairs.arrow", pairs))


def _tokeniser(kind: str, file: Path, columns: list[int | str], folder: Path, rounds: int) -> None:
    config = TokeniserConfig(kind=kind)  # type: ignore[arg-type]
    pairs = list(read_pairs(file, columns))
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    tokenisers: list[Tokeniser] = []

    def learn() -> None:
        tokenisers[:] = [Tokeniser.train(sources, config), Tokeniser.train(targets, config)]

    def encode() -> None:
        Corpus.encode(pairs, tokenisers[0], tokenisers[1], 200, path=folder / "ids.arrow")

    recipe = Config(DataConfig(train=[str(file)], columns=columns), config)
    _time(f"{kind}: learn both sides", len(pairs), 1, learn)
    _time(f"{kind}: encode both sides", len(pairs), rounds, encode)
    _time(f"{kind}: all", len(pairs), 1, lambda: prepare(recipe))
    _time(f"{kind}: all, from the cache", len(pairs), rounds, lambda: prepare(recipe))


def _time(what: str, number: int, rounds: int, work: Callable[[], object]) -> None:
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    print(
        f"{what:<28} {number / wall:>10,.0f} pairs/s   {number / cpu:>10,.0f} pairs per CPU second",
        flush=True,
    )


if __name__ == "__main__":
    main()
