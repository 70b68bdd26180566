"""Which rows of a corpus go into which batch: plans that depend on lengths and seeds and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regard.errors import ConfigError

Rows = NDArray[np.int64]

_POOL_BATCHES = 100
_SOURCE_SHARE = 2  # a batch may hold this many times more source than target tokens


def epoch_plan(
    source_lengths: ArrayLike,
    target_lengths: ArrayLike,
    batch_tokens: int,
    seed: int,
    epoch: int,
    num_ranks: int = 1,
) -> list[list[Rows]]:
    """The batches of one epoch: `plan[step][rank]` holds the rows that this rank trains on at this step.

    The rows are shuffled and cut into pools of about a hundred batches; each pool is sorted by length, so that
    a batch needs little padding, and cut so that with padding no batch has more than `batch_tokens` target
    tokens or twice as many source tokens (a longer sentence is a batch alone); then the batches are shuffled.
    Every row appears exactly once. Where the batches cannot be shared out evenly, the largest are cut in two,
    so every rank has work at every step. The same arguments give the same plan, so `plan[k:]` goes on after
    step k. Raises ConfigError when there are too few rows to give every rank some.
    """
    source, target = np.asarray(source_lengths, np.int64), np.asarray(target_lengths, np.int64)
    random = np.random.default_rng([seed, epoch])
    shares = np.maximum(target, -(-source // _SOURCE_SHARE))  # what a row asks of the budget
    batches = []
    for pool in _pools(random.permutation(len(target)), shares, batch_tokens):
        by_length = pool[np.lexsort((source[pool], target[pool]))]
        batches += list(_cut(by_length, shares[by_length], batch_tokens))
    batches = _even(batches, num_ranks)
    shuffled = [batches[i] for i in random.permutation(len(batches))]
    return [shuffled[i : i + num_ranks] for i in range(0, len(shuffled), num_ranks)]


def sorted_batches(lengths: ArrayLike, batch_size: int, max_tokens: int = 16_384) -> list[Rows]:
    """Rows by falling length, `batch_size` at a time: for decoding, where little padding saves much.

    Where they are long, fewer at a time: no batch has more than `max_tokens` places, padding counted, unless a
    row alone has. Put results back in order with `results[row] = ...`; rows of the same length keep their order.
    """
    sizes = np.asarray(lengths, np.int64)
    order = np.argsort(-sizes, kind="stable")
    batches, start = [], 0
    while start < len(order):
        fitting = max_tokens // max(int(sizes[order[start]]), 1)
        stop = start + max(1, min(batch_size, fitting))
        batches.append(order[start:stop])
        start = stop
    return batches


def _pools(rows: Rows, shares: NDArray[np.int64], batch_tokens: int) -> Iterator[Rows]:
    if len(rows) == 0:
        return
    pool_size = max(1, int(_POOL_BATCHES * batch_tokens / shares.mean()))
    for i in range(0, len(rows), pool_size):
        yield rows[i : i + pool_size]


def _cut(rows: Rows, shares: NDArray[np.int64], batch_tokens: int) -> Iterator[Rows]:
    """Batches from the front: as many rows as fit when each is padded to the longest among them."""
    start = 0
    while start < len(rows):
        at_most = max(1, batch_tokens // int(shares[start]))
        longest = np.maximum.accumulate(shares[start : start + at_most])
        padded = longest * np.arange(1, len(longest) + 1)
        stop = start + max(1, int(np.searchsorted(padded, batch_tokens, side="right")))
        yield rows[start:stop]
        start = stop


def _even(batches: list[Rows], num_ranks: int) -> list[Rows]:
    """As many batches as the ranks can share: the largest are cut in two until it comes out even."""
    batches = list(batches)
    while len(batches) % num_ranks:
        largest = max(range(len(batches)), key=lambda i: len(batches[i]))
        rows = batches[largest]
        if len(rows) < 2:
            raise ConfigError(
                f"{len(batches)} training pairs, each a batch alone, cannot be shared evenly by {num_ranks} ranks; "
                "use fewer ranks or more pairs"
            )
        batches[largest] = rows[: len(rows) // 2]
        batches.append(rows[len(rows) // 2 :])
    return batches
