"""Sampling of sentence pairs: lengths, splits, links; the same seed gives the same pairs everywhere."""

from __future__ import annotations

import math
import random
import zlib
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from typing import Literal

from regard.data.grammar.derivation import HELD_OUT, Derivation, Sides
from regard.data.grammar.order import CLAUSE_END
from regard.data.grammar.sentences import held_out, sentence
from regard.data.grammar.verbs import Token
from regard.errors import DataError
from regard.records.text import Links, Pair

Split = Literal["train", "validation", "test"]

SHORTEST, LONGEST = 2, 60
LENGTHS = range(SHORTEST, LONGEST + 1)
# log-normal, so that the mean is about 14 words, a fifth of the sentences longer than 20
_LOG_MEAN, _LOG_DEVIATION = 2.46, 0.74
LENGTH_WEIGHTS = tuple(
    math.exp(-(((math.log(n) - _LOG_MEAN) / _LOG_DEVIATION) ** 2) / 2) / n for n in LENGTHS
)
# of 16 parts of all sentences
_SPLITS: dict[Split, range] = {"train": range(2, 16), "validation": range(1), "test": range(1, 2)}
_PATIENCE = 20_000  # draws in a row without a new sentence after which there are assumed to be no more


def generate(
    num_pairs: int,
    seed: int,
    *,
    split: Split = "train",
    length: tuple[int, int] | None = None,
    construction: str | None = None,
) -> Iterator[Pair]:
    """Generate distinct sentence pairs with gold links, always the same for the same arguments.

    `length` is the range of source lengths in words (both ends included, punctuation counted). `construction` names
    one of HELD_OUT, which only the test split has. No sentence of either language is in two splits. Raises DataError
    for an unknown split, length or construction, and when there are fewer sentences than requested.
    """
    shortest, longest = _checked(split, length, construction)
    rng = random.Random(f"{seed} {split} {length} {construction}")
    seen: set[str] = set()
    misses = 0
    while len(seen) < num_pairs:
        de, en = _draw(rng, shortest, longest, construction)
        source = " ".join([token[0] for token in de])
        target = " ".join([token[0] for token in en])
        if not shortest <= len(de) <= longest or source in seen or split_of(target) != split:
            misses += 1
            if misses > _PATIENCE:
                raise DataError(
                    f"grammar: found {len(seen)} different {split} sentences of {shortest} to {longest} words, "
                    f"expected {num_pairs}; generate fewer or other lengths"
                )
            continue
        misses = 0
        seen.add(source)
        yield Pair(source, target, links(de, en))


def split_of(target: str) -> Split:
    """Return the split of a pair, decided by its target; a source has one translation, so it is in one split too."""
    part = zlib.crc32(target.removesuffix(" .").encode()) >> 7 & 15
    return next(split for split, parts in _SPLITS.items() if part in parts)


def links(de: list[Token], en: list[Token]) -> Links:
    """Return the gold links: sure where sure keys are equal, possible where any keys are."""
    by_key: dict[int, list[int]] = {}
    by_possible_key: dict[int, list[int]] = {}
    for position, (_, sure, possible) in enumerate(de):
        if sure > 0:
            by_key.setdefault(sure, []).append(position)
        if possible:
            by_possible_key.setdefault(possible, []).append(position)
    sure_links, possible_links = [], []
    for position, (_, sure, possible) in enumerate(en):
        if sure > 0:
            sure_links += [(source, position) for source in by_key.get(sure, ())]
            possible_links += [(source, position) for source in by_possible_key.get(sure, ())]
        if possible:
            possible_links += [(source, position) for source in by_key.get(possible, ())]
    return Links(frozenset(sure_links), frozenset(possible_links))


def _checked(split: str, length: tuple[int, int] | None, construction: str | None) -> tuple[int, int]:
    if split not in _SPLITS:
        raise DataError(f"grammar: unknown split {split!r}; expected one of {', '.join(_SPLITS)}")
    if construction is not None and construction not in HELD_OUT:
        raise DataError(f"grammar: unknown construction {construction!r}; held out are {', '.join(HELD_OUT)}")
    if construction is not None and split != "test":
        raise DataError(f"grammar: {construction} is held out of {split}; ask for it with split='test'")
    shortest, longest = length or (SHORTEST, LONGEST)
    if not SHORTEST <= shortest <= longest <= LONGEST:
        raise DataError(
            f"grammar: no sentences of {shortest} to {longest} words; "
            f"lengths go from {SHORTEST} to {LONGEST}, the shorter first"
        )
    return shortest, longest


def _draw(rng: random.Random, shortest: int, longest: int, construction: str | None) -> Sides:
    """Derive one sentence, aiming at a length drawn from the mix between the two ends."""
    size = _length(rng, shortest, longest)
    derivation = Derivation(rng)
    if construction is None:
        de, en = sentence(derivation, size)
    else:
        de, en = held_out(derivation, size, construction)
    return _without_doubled_marks(de), en


_CUMULATIVE = (0.0, *accumulate(LENGTH_WEIGHTS))


def _length(rng: random.Random, shortest: int, longest: int) -> int:
    low, high = _CUMULATIVE[shortest - SHORTEST], _CUMULATIVE[longest - SHORTEST + 1]
    return SHORTEST + bisect(_CUMULATIVE, low + rng.random() * (high - low), 1, longest - SHORTEST + 1) - 1


def _without_doubled_marks(de: list[Token]) -> list[Token]:
    """Drop the closing comma of an inner clause before other punctuation and at the end."""
    following = [*de[1:], (".", 0, 0)]
    return [
        token
        for token, after in zip(de, following, strict=True)
        if token[1] != CLAUSE_END or after[0] not in ",.?"
    ]
