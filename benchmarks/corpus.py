"""Token ids for the benchmarks: Multi30k German to English where it is, else the embedded grammar; one joint BPE."""

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
POOL_BATCHES = 100  # batches are cut from pools of so many, sorted by length
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@dataclass(frozen=True)
class BenchmarkCorpus:
    """Ids of training and test pairs, every side ended by END, and the tokens they stand for."""

    origin: str
    vocabulary: list[str]
    training: list[Pair]
    test: list[Pair]

    def training_batches(self, sentences: int, number: int) -> list[Batch]:
        """So many batches of so many sentences of like length: evenly spaced between short and long."""
        order = np.random.default_rng(1).permutation(len(self.training))
        size, batches = sentences * POOL_BATCHES, []
        for start in range(0, len(order) - sentences + 1, size):
            pool = sorted(order[start : start + size], key=self._lengths)
            batches += [pool[place : place + sentences] for place in range(0, len(pool), sentences)]
        return self._spaced([batch for batch in batches if len(batch) == sentences], number)

    def token_batches(self, tokens: int, number: int) -> list[Batch]:
        """The same with a budget of target tokens a batch, padding counted, as `regard train` cuts them."""
        source, target = ([len(pair[side]) for pair in self.training] for side in (0, 1))
        plan = [rows for (rows,) in epoch_plan(source, target, tokens, seed=1, epoch=0)]
        fullest = sorted(plan, key=len)[len(plan) // 10 :]  # not what was left over at the end of a pool
        return self._spaced([list(rows) for rows in fullest], number)

    def test_batches(self, sentences: int, number: int) -> list[Batch]:
        """The same of the test pairs."""
        order = sorted(range(len(self.test)), key=lambda row: len(self.test[row][0]))
        batches = [order[start : start + sentences] for start in range(0, len(order), sentences)]
        whole = [batch for batch in batches if len(batch) == sentences]
        return [[self.test[row] for row in batch] for batch in _spaced(whole, number)]

    def _lengths(self, row: int) -> tuple[int, int]:
        source, target = self.training[row]
        return len(target), len(source)

    def _spaced(self, batches: list[list[int]], number: int) -> list[Batch]:
        batches = sorted(
            batches, key=lambda rows: sum(len(self.training[row][1]) for row in rows) / len(rows)
        )
        return [[self.training[row] for row in rows] for rows in _spaced(batches, number)]


def _spaced(batches: list[list[int]], number: int) -> list[list[int]]:
    """So many of them, from the middles of as many equal parts."""
    number = min(number, len(batches))
    return [batches[(2 * part + 1) * len(batches) // (2 * number)] for part in range(number)]


def data_folder() -> Path:
    """The folder that REGARD_DATA names."""
    return Path(os.environ.get("REGARD_DATA", SHARED))


def multi30k(part: str) -> list[Path]:
    """The files of a part of Multi30k, German and English."""
    return [data_folder() / "multi30k" / f"{part}.{language}.gz" for language in ("de", "en")]


def load_corpus(size: int = SIZE) -> BenchmarkCorpus:
    """Lower-cased text as tokens of one vocabulary, learnt on both sides of the training pairs."""
    if all(file.is_file() for file in multi30k("train")):
        origin = "Multi30k German to English"
        training, test = (_texts(read_lines(file) for file in multi30k(part)) for part in ("train", "val"))
    else:
        origin = "the embedded grammar (REGARD_DATA names no Multi30k)"
        made = generate(30_000, seed=1, split="train")
        both = [(pair.source, pair.target) for pair in made]
        training, test = both[:-1000], both[-1000:]
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
    """Pairs of lines, those left out that are empty on a side."""
    source, target = sides
    return [pair for pair in zip(source, target, strict=True) if all(map(str.strip, pair))]


def _encoded(pairs: Sequence[tuple[str, str]], tokeniser: Tokeniser) -> list[Pair]:
    sides = [tokeniser.encode_batch([pair[side] for pair in pairs]) for side in (0, 1)]
    return [([*source, END], [*target, END]) for source, target in zip(*sides, strict=True)]
