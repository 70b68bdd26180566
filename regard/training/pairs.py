"""The pairs a recipe names: read and cleaned once, shared out between training and validation."""

from __future__ import annotations

import math
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regard.config import DataConfig
from regard.data import Source, open_sources
from regard.data.cleaning import Cleaner
from regard.data.features import split_features
from regard.data.grammar import generate
from regard.data.pair_file import PairFile
from regard.errors import ConfigError, DataError
from regard.records.text import Pair

Tell = Callable[[str], None]
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], object]]]
_TOLD_EVERY = 1000  # pairs; a progress bar takes longer than a pair
_CHOSEN_BY = 20_211  # seed of the choice that a weight like 0.5 asks for: the same pairs every time


def silent(what: str, total: int | None) -> AbstractContextManager[Callable[[int], object]]:
    """Progress that nobody sees."""
    return nullcontext(lambda number: None)


class GrammarSource(Source):
    """The embedded grammar's training pairs."""

    def __init__(self, num_pairs: int, seed: int) -> None:
        self.num_pairs, self.seed = num_pairs, seed
        self.name = "embedded grammar"

    def pairs(self) -> Iterator[Pair]:
        """Pair by pair."""
        return generate(self.num_pairs, self.seed)

    def checksums(self) -> dict[str, str]:
        """What they are generated from."""
        return {self.name: f"seed {self.seed}, {self.num_pairs:,} pairs"}


@dataclass(frozen=True)
class Sources:
    """The corpora of a recipe, and of each every file, or other origin, with the SHA-256 of its content."""

    training: list[Source]
    validation: list[Source]
    checksums: list[dict[str, str]]  # training first

    @property
    def origin(self) -> dict[str, str]:
        """All files."""
        return {name: digest for checksums in self.checksums for name, digest in checksums.items()}


@dataclass(frozen=True)
class Gathered:
    """Cleaned pairs on the disk: `copies[row]` says how often an epoch sees each, 0 if it was held out.

    `num_read` counts pairs by corpus, `left_out` by reason; `num_shared` says how many of the validation files'
    sources occur in training too.
    """

    file: PairFile
    copies: NDArray[np.int64]
    validation: tuple[Pair, ...]
    num_read: dict[str, int]
    left_out: Counter[str] = field(default_factory=Counter)
    num_shared: int = 0

    def __len__(self) -> int:
        return int(self.copies.sum())

    def pairs(self) -> Iterator[Pair]:
        """The training pairs."""
        return self.file.pairs(self.copies)


class Texts:
    """The training texts of some sides, to be read as often as needed; of more than `most`, evenly spaced ones.

    Where sources have `features`, these are left off.
    """

    def __init__(
        self,
        gathered: Gathered,
        sides: Sequence[str],
        most: int,
        features: bool,
        watch: Callable[[int], object],
    ) -> None:
        self._gathered, self._sides, self._features, self._watch = gathered, sides, features, watch
        self._copies = gathered.copies
        if len(gathered) > most:
            places = np.cumsum(self._copies)
            chosen = places * most // len(gathered)  # rises by one at every text that is taken
            self._copies = np.diff(chosen, prepend=0)

    def __len__(self) -> int:
        return int(self._copies.sum()) * len(self._sides)

    def __iter__(self) -> Iterator[str]:
        for side in self._sides:
            plain = self._features and side == "source"
            for number, text in enumerate(self._gathered.file.texts(side, self._copies), start=1):
                if number % _TOLD_EVERY == 0:
                    self._watch(_TOLD_EVERY)
                yield split_features(text)[0] if plain else text


def open_all(config: DataConfig) -> Sources:
    """The corpora that a recipe names. Raises DataError, or ConfigError for weights that do not fit them."""
    training: list[Source] = (
        open_sources(config.train, config.columns, config.features)
        if config.train
        else [GrammarSource(config.grammar_pairs, config.grammar_seed)]
    )
    if config.weights and len(config.weights) != len(training):
        raise ConfigError(
            f"data.weights: expected as many numbers as there are corpora, {len(training)} "
            f"({'; '.join(source.name for source in training)}), came {len(config.weights)}"
        )
    if any(not 0 < weight < math.inf for weight in config.weights):
        raise ConfigError(f"data.weights: expected numbers above 0, came {config.weights}")
    validation = _open_validation(config)
    return Sources(training, validation, [source.checksums() for source in [*training, *validation]])


def gather(config: DataConfig, sources: Sources, folder: Path, progress: Progress = silent) -> Gathered:
    """Read and clean the training pairs into a file in this folder, and say which are held out.

    Raises DataError for text that cannot be read, naming file and line, and where nothing is left.
    """
    cleaner = Cleaner(
        config.control_characters,
        config.source_script,
        config.target_script,
        config.drop_duplicates,
        config.drop_equal,
    )
    rows = _Rows()
    with progress("pairs read", None) as watch:
        file = PairFile.write(folder / "pairs.arrow", rows.through(sources.training, cleaner, watch))
    checksums, corpora = np.array(rows.checksums, np.uint32), np.array(rows.corpora, np.int64)
    held_out = np.zeros(len(checksums), np.bool_)
    num_shared = 0
    if sources.validation:
        validation = _filled(chain.from_iterable(source.pairs() for source in sources.validation))
        known = np.fromiter((_checksum(pair.source) for pair in validation), np.uint32, len(validation))
        num_shared = int(np.isin(known, checksums).sum())
    elif not config.train:
        validation = tuple(generate(config.holdout_pairs, config.grammar_seed, split="validation"))
    else:
        held_out = checksums <= _bound(checksums, config.holdout_pairs)
        validation = tuple(file.pairs(held_out.astype(np.int64)))
    left_out = Counter(cleaner.counts)
    if not len(checksums):
        raise DataError(
            f"no sentence pair to train on: {counted(left_out)}; check the files and what data leaves out"
        )
    if not validation:
        raise DataError(
            "data.validation: no pair with text on both sides; give other files, or raise data.holdout_pairs"
            + (f" (left out: {counted(left_out)})" if left_out else "")
        )
    copies = np.where(held_out, 0, _copies(config.weights, corpora))
    if not copies.any():
        raise DataError(
            f"no sentence pair to train on: {counted(left_out) or 'all were held out'}; "
            "check the files and what data leaves out"
        )
    return Gathered(file, copies, validation, rows.num_read, left_out, num_shared)


def counted(counts: Counter[str] | dict[str, int]) -> str:
    """`3 empty, 2 too long`."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def plural(number: int, what: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


class _Rows:
    """What is remembered of every cleaned pair while it passes by: its corpus, and its source's checksum."""

    def __init__(self) -> None:
        self.checksums = array("I")
        self.corpora = array("I")
        self.num_read: dict[str, int] = {}

    def through(
        self, sources: Sequence[Source], cleaner: Cleaner, watch: Callable[[int], object]
    ) -> Iterator[Pair]:
        for corpus, source in enumerate(sources):
            num_read = 0
            for pair in source.pairs():
                num_read += 1
                if num_read % _TOLD_EVERY == 0:
                    watch(_TOLD_EVERY)
                cleaned = cleaner.clean(pair)
                if cleaned is not None:
                    self.checksums.append(_checksum(cleaned.source))
                    self.corpora.append(corpus)
                    yield cleaned
            self.num_read[source.name] = self.num_read.get(source.name, 0) + num_read


def _open_validation(config: DataConfig) -> list[Source]:
    if not config.validation:
        return []
    return open_sources(config.validation, config.columns, config.features, split="validation")


def _bound(checksums: NDArray[np.uint32], holdout_pairs: int) -> int:
    """The checksum up to which sources are held out: so many pairs, or a tenth of a small corpus.

    Whether a pair validates is a matter of its source alone, so that no twin elsewhere gives it away.
    """
    wanted = min(holdout_pairs, max(len(checksums) // 10, 1))
    different, counts = np.unique(checksums, return_counts=True)
    if len(different) == 0:
        return -1
    enough = int(np.searchsorted(np.cumsum(counts), wanted))
    return int(different[min(enough, max(len(different) - 2, 0))])


def _copies(weights: Sequence[float], corpora: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each pair is seen: the whole part of its corpus's weight, and once more by the chance of the rest."""
    if not weights:
        return np.ones(len(corpora), np.int64)
    wanted = np.asarray(weights)[corpora]
    chance = np.random.default_rng(_CHOSEN_BY).random(len(corpora))
    return np.asarray(np.floor(wanted) + (chance < wanted % 1), np.int64)


def _filled(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs with text on both sides."""
    return tuple(pair for pair in pairs if pair.source.strip() and pair.target.strip())


def _checksum(source: str) -> int:
    """A number that depends on nothing but the words: case, spaces and Unicode form do not count."""
    words = " ".join(unicodedata.normalize("NFKC", source).casefold().split())
    return zlib.crc32(words.encode("utf-8", "surrogatepass"))
