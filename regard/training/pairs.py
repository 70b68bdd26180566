"""The sentence pairs that a recipe names: read and cleaned once, and split into training and validation."""

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
from regard.data.pair_file import PairFile
from regard.errors import ConfigError, DataError
from regard.records.text import Pair

Log = Callable[[str], None]
"""Receives lines of text that say what is being done."""
Advance = Callable[[int], object]
"""Advances a progress bar by a number of items."""
StartProgress = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Starts a progress bar with a description and, if it is known, the total number of items."""

_ADVANCE_EVERY = 1000  # pairs; updating a progress bar takes longer than reading a pair
_SAMPLING_SEED = 20_211  # of the pairs that a weight such as 0.5 selects: the same ones every time


def no_progress(description: str, total: int | None) -> AbstractContextManager[Advance]:
    """Start no progress bar."""
    return nullcontext(lambda count: None)


class GrammarSource(Source):
    """The embedded grammar's training pairs."""

    def __init__(self, num_pairs: int, seed: int) -> None:
        self.num_pairs, self.seed = num_pairs, seed
        self.name = "embedded grammar"

    def pairs(self) -> Iterator[Pair]:
        """Generate the pairs."""
        from regard.data.grammar import generate

        return generate(self.num_pairs, self.seed)

    def checksums(self) -> dict[str, str]:
        """Return what the pairs are generated from."""
        return {self.name: f"seed {self.seed}, {self.num_pairs:,} pairs"}


@dataclass(frozen=True)
class Sources:
    """The corpora of a recipe, and for each its files, or other origins, with the SHA-256 of their contents."""

    training: list[Source]
    validation: list[Source]
    checksums: list[dict[str, str]]  # training first

    @property
    def origin(self) -> dict[str, str]:
        """All files and other origins with their checksums."""
        return {name: digest for checksums in self.checksums for name, digest in checksums.items()}


@dataclass(frozen=True)
class CleanedPairs:
    """Cleaned pairs on disk: `copies[row]` is how often an epoch sees each, 0 if it was held out.

    `num_read` counts pairs by corpus, `left_out` by reason; `num_shared` is the number of sources in validation
    files that also occur in training.
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
        """Read the training pairs."""
        return self.file.pairs(self.copies)


class Texts:
    """The training texts of some sides, to be read as often as needed; of more than `most`, evenly spaced ones.

    If sources have `features`, these are left off.
    """

    def __init__(
        self, cleaned: CleanedPairs, sides: Sequence[str], most: int, features: bool, advance: Advance
    ) -> None:
        self._cleaned, self._sides, self._features, self._advance = cleaned, sides, features, advance
        self._copies = cleaned.copies
        if len(cleaned) > most:
            selected = np.cumsum(self._copies) * most // len(cleaned)  # rises by one at each selected text
            self._copies = np.diff(selected, prepend=0)

    def __len__(self) -> int:
        return int(self._copies.sum()) * len(self._sides)

    def __iter__(self) -> Iterator[str]:
        for side in self._sides:
            has_features = self._features and side == "source"
            for count, text in enumerate(self._cleaned.file.texts(side, self._copies), start=1):
                if count % _ADVANCE_EVERY == 0:
                    self._advance(_ADVANCE_EVERY)
                yield split_features(text)[0] if has_features else text


def open_all(config: DataConfig) -> Sources:
    """Open the corpora that a recipe names. Raises DataError, or ConfigError for weights that do not fit them."""
    training: list[Source] = (
        open_sources(config.train, config.columns, config.features)
        if config.train
        else [GrammarSource(config.grammar_pairs, config.grammar_seed)]
    )
    if config.weights and len(config.weights) != len(training):
        raise ConfigError(
            f"data.weights: expected as many numbers as there are corpora, {len(training)} "
            f"({'; '.join(source.name for source in training)}), got {len(config.weights)}"
        )
    if any(not 0 < weight < math.inf for weight in config.weights):
        raise ConfigError(f"data.weights: expected numbers above 0, got {config.weights}")
    validation = _open_validation(config)
    return Sources(training, validation, [source.checksums() for source in [*training, *validation]])


def read_and_clean(
    config: DataConfig, sources: Sources, folder: Path, start_progress: StartProgress = no_progress
) -> CleanedPairs:
    """Read and clean the training pairs into a file in this folder, and choose those that are held out.

    Raises DataError for text that cannot be read, naming file and line, and if nothing is left.
    """
    cleaner = Cleaner(
        config.control_characters,
        config.source_script,
        config.target_script,
        config.drop_duplicates,
        config.drop_equal,
    )
    reader = _PairReader()
    with start_progress("pairs read", None) as advance:
        file = PairFile.write(folder / "pairs.arrow", reader.read(sources.training, cleaner, advance))
    checksums, corpora = np.array(reader.checksums, np.uint32), np.array(reader.corpora, np.int64)
    left_out = Counter(cleaner.counts)
    if not len(checksums):
        raise DataError(
            f"no sentence pair to train on: {counted(left_out)}; check the files and what data leaves out"
        )
    validation, held_out, num_shared = _validation_pairs(config, sources.validation, file, checksums)
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
    return CleanedPairs(file, copies, validation, reader.num_read, left_out, num_shared)


def _validation_pairs(
    config: DataConfig, sources: Sequence[Source], file: PairFile, checksums: NDArray[np.uint32]
) -> tuple[tuple[Pair, ...], NDArray[np.bool_], int]:
    """Return the validation pairs, which training pairs are held out, and how many sources both have in common."""
    held_out = np.zeros(len(checksums), np.bool_)
    if sources:
        validation = _non_empty(chain.from_iterable(source.pairs() for source in sources))
        known = np.fromiter((_checksum(pair.source) for pair in validation), np.uint32, len(validation))
        return validation, held_out, int(np.isin(known, checksums).sum())
    if not config.train:
        from regard.data.grammar import generate

        pairs = generate(config.holdout_pairs, config.grammar_seed, split="validation")
        return tuple(pairs), held_out, 0
    held_out = checksums <= _largest_held_out_checksum(checksums, config.holdout_pairs)
    return tuple(file.pairs(held_out.astype(np.int64))), held_out, 0


def counted(counts: Counter[str] | dict[str, int]) -> str:
    """Describe counts on one line, such as `3 empty, 2 too long`."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def plural(count: int, noun: str) -> str:
    """Format a count with its noun: `1 pair`, `2 pairs`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


class _PairReader:
    """Reads and cleans pairs, and records the corpus of each that is kept and the checksum of its source."""

    def __init__(self) -> None:
        self.checksums = array("I")
        self.corpora = array("I")
        self.num_read: dict[str, int] = {}

    def read(self, sources: Sequence[Source], cleaner: Cleaner, advance: Advance) -> Iterator[Pair]:
        for corpus, source in enumerate(sources):
            num_read = 0
            for pair in source.pairs():
                num_read += 1
                if num_read % _ADVANCE_EVERY == 0:
                    advance(_ADVANCE_EVERY)
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


def _largest_held_out_checksum(checksums: NDArray[np.uint32], holdout_pairs: int) -> int:
    """Return the checksum up to which sources are held out: `holdout_pairs` pairs, or a tenth of a small corpus.

    Whether a pair is held out depends on its source alone, so that training sees no other pair with that source.
    """
    num_held_out = min(holdout_pairs, max(len(checksums) // 10, 1))
    distinct, counts = np.unique(checksums, return_counts=True)
    index = int(np.searchsorted(np.cumsum(counts), num_held_out))
    return int(distinct[min(index, max(len(distinct) - 2, 0))])


def _copies(weights: Sequence[float], corpora: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each pair is seen: its corpus's weight, rounded up with the probability of the fraction."""
    if not weights:
        return np.ones(len(corpora), np.int64)
    weight = np.asarray(weights)[corpora]
    uniform = np.random.default_rng(_SAMPLING_SEED).random(len(corpora))
    return np.asarray(np.floor(weight) + (uniform < weight % 1), np.int64)


def _non_empty(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Return the pairs with text on both sides."""
    return tuple(pair for pair in pairs if pair.source.strip() and pair.target.strip())


def _checksum(source: str) -> int:
    """Return a checksum of the words alone: case, spaces and Unicode form do not matter."""
    words = " ".join(unicodedata.normalize("NFKC", source).casefold().split())
    return zlib.crc32(words.encode("utf-8", "surrogatepass"))
