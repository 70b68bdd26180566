"""Token ids for the benchmarks: Multi30k German to English if found, else the embedded grammar; one joint BPE."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from task import END, Batch, Pair

from regard.config import TokeniserConfig
from regard.data import Tokeniser, epoch_plan, read_lines
from regard.data.grammar import generate

SIZE = 8000
POOL_BATCHES = 100  # batches are cut from pools of this many batches, sorted by length


@dataclass(frozen=True)
class BenchmarkCorpus:
    """Ids of training and test pairs, every side ended by END, and the tokens they stand for."""

    origin: str
    vocabulary: list[str]
    training: list[Pair]
    test: list[Pair]

    def training_batches(self, sentences: int, num_batches: int) -> list[Batch]:
        """Cut `num_batches` batches of `sentences` of similar length, evenly spaced between short and long."""
        order = np.random.default_rng(1).permutation(len(self.training))
        size, batches = sentences * POOL_BATCHES, []
        for start in range(0, len(order) - sentences + 1, size):
            pool = sorted(order[start : start + size], key=self._lengths)
            batches += [pool[first : first + sentences] for first in range(0, len(pool), sentences)]
        return self._spaced([batch for batch in batches if len(batch) == sentences], num_batches)

    def token_batches(self, tokens: int, num_batches: int) -> list[Batch]:
        """Cut batches by a budget of target tokens, padding included, as `regard train` does."""
        source, target = ([len(pair[side]) for pair in self.training] for side in (0, 1))
        plan = [rows for (rows,) in epoch_plan(source, target, tokens, seed=1, epoch=0)]
        fullest = sorted(plan, key=len)[len(plan) // 10 :]  # drop what was left over at the end of a pool
        return self._spaced([list(rows) for rows in fullest], num_batches)

    def test_batches(self, sentences: int, num_batches: int) -> list[Batch]:
        """Cut batches from the test pairs."""
        order = sorted(range(len(self.test)), key=lambda row: len(self.test[row][0]))
        batches = [order[start : start + sentences] for start in range(0, len(order), sentences)]
        whole = [batch for batch in batches if len(batch) == sentences]
        return [[self.test[row] for row in batch] for batch in _spaced(whole, num_batches)]

    def _lengths(self, row: int) -> tuple[int, int]:
        source, target = self.training[row]
        return len(target), len(source)

    def _spaced(self, batches: list[list[int]], num_batches: int) -> list[Batch]:
        batches = sorted(
            batches, key=lambda rows: sum(len(self.training[row][1]) for row in rows) / len(rows)
        )
        return [[self.training[row] for row in rows] for rows in _spaced(batches, num_batches)]


def _spaced(batches: list[list[int]], num_batches: int) -> list[list[int]]:
    """Select `num_batches` batches, from the middles of as many equal parts."""
    num_batches = min(num_batches, len(batches))
    return [batches[(2 * part + 1) * len(batches) // (2 * num_batches)] for part in range(num_batches)]


def data_folder() -> Path:
    """Return the folder that REGARD_DATA names; by default `data/` here, or `shared/data/` next to the repository."""
    root = Path(__file__).resolve().parents[1]
    folders = (root / "data", root.parent / "shared" / "data")
    named = os.environ.get("REGARD_DATA")
    return Path(named or next((folder for folder in folders if folder.is_dir()), folders[0]))


def multi30k(part: str) -> list[Path]:
    """Return the German and the English file of a part of Multi30k."""
    return [data_folder() / "multi30k" / f"{part}.{language}.gz" for language in ("de", "en")]


def load_corpus(size: int = SIZE) -> BenchmarkCorpus:
    """Encode lower-cased text with one vocabulary, learnt on both sides of the training pairs."""
    if all(file.is_file() for file in multi30k("train")):
        origin = "Multi30k German to English"
        training, test = (_texts(read_lines(file) for file in multi30k(part)) for part in ("train", "val"))
    else:
        origin = "the embedded grammar (there is no Multi30k in the folder that REGARD_DATA names)"
        pairs = [(pair.source, pair.target) for pair in generate(30_000, seed=1, split="train")]
        training, test = pairs[:-1000], pairs[-1000:]
    tokeniser = Tokeniser.train(
        [text for pair in training for text in pair], TokeniserConfig(kind="bpe", size=size, lowercase=True)
    )
    vocabulary = tokeniser.tokens(range(len(tokeniser)))
    return BenchmarkCorpus(
        f"{origin}, lower-cased, one joint BPE of {len(vocabulary):,} tokens",
        vocabulary,
        _encoded(training, tokeniser),
        _encoded(test, tokeniser),
    )


def _texts(sides: Iterable[Iterable[str]]) -> list[tuple[str, str]]:
    """Pair the lines, without pairs that are empty on one side."""
    source, target = sides
    return [pair for pair in zip(source, target, strict=True) if all(map(str.strip, pair))]


def _encoded(pairs: Sequence[tuple[str, str]], tokeniser: Tokeniser) -> list[Pair]:
    sides = [tokeniser.encode_batch([pair[side] for pair in pairs]) for side in (0, 1)]
    return [([*source, END], [*target, END]) for source, target in zip(*sides, strict=True)]
