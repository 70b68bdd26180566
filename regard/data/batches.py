"""Which pairs of a corpus go into which batch: plans that depend on lengths and seeds and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regard.errors import ConfigError

PairIndices = NDArray[np.int64]

_POOL_BATCHES = 100
_SOURCE_FACTOR = 2  # a batch may have this many times more source than target tokens


def epoch_plan(
    source_lengths: ArrayLike,
    target_lengths: ArrayLike,
    batch_tokens: int,
    seed: int,
    epoch: int,
    num_ranks: int = 1,
) -> list[list[PairIndices]]:
    """Plan the batches of one epoch: `plan[step][rank]` are the indices of the pairs of this rank at this step.

    The pairs are shuffled and split into pools of about a hundred batches. Each pool is sorted by length, so that a
    batch needs little padding, and split so that with padding no batch has more than `batch_tokens` target tokens or
    twice as many source tokens (a longer pair is a batch of its own). Then the batches are shuffled. Every pair
    appears exactly once. Where the number of batches is not divisible by `num_ranks`, the largest are halved, so that
    every rank has work at every step. The same arguments give the same plan, so `plan[k:]` resumes after step k.
    Raises ConfigError when there are fewer pairs than ranks.
    """
    source, target = np.asarray(source_lengths, np.int64), np.asarray(target_lengths, np.int64)
    random = np.random.default_rng([seed, epoch])
    costs = np.maximum(target, -(-source // _SOURCE_FACTOR))  # tokens of the budget that a pair takes
    batches = []
    for pool in _pools(random.permutation(len(target)), costs, batch_tokens):
        by_length = pool[np.lexsort((source[pool], target[pool]))]
        batches += list(_split_by_budget(by_length, costs[by_length], batch_tokens))
    batches = _make_divisible(batches, num_ranks)
    shuffled = [batches[i] for i in random.permutation(len(batches))]
    return [shuffled[i : i + num_ranks] for i in range(0, len(shuffled), num_ranks)]


def sorted_batches(lengths: ArrayLike, batch_size: int, max_tokens: int = 16_384) -> list[PairIndices]:
    """Batch sentences by decreasing length, at most `batch_size` at a time: for decoding with little padding.

    No batch has more than `max_tokens` tokens, padding included, unless it is a single sentence. Put results back in
    order with `results[index] = ...`; sentences of the same length keep their order.
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


def _pools(pairs: PairIndices, costs: NDArray[np.int64], batch_tokens: int) -> Iterator[PairIndices]:
    if len(pairs) == 0:
        return
    pool_size = max(1, int(_POOL_BATCHES * batch_tokens / costs.mean()))
    for i in range(0, len(pairs), pool_size):
        yield pairs[i : i + pool_size]


def _split_by_budget(
    pairs: PairIndices, costs: NDArray[np.int64], batch_tokens: int
) -> Iterator[PairIndices]:
    """Yield batches from the front, each of as many pairs as fit when padded to the longest among them."""
    start = 0
    while start < len(pairs):
        at_most = max(1, batch_tokens // int(costs[start]))
        longest = np.maximum.accumulate(costs[start : start + at_most])
        padded = longest * np.arange(1, len(longest) + 1)
        stop = start + max(1, int(np.searchsorted(padded, batch_tokens, side="right")))
        yield pairs[start:stop]
        start = stop


def _make_divisible(batches: list[PairIndices], num_ranks: int) -> list[PairIndices]:
    """Halve the largest batches until their number is divisible by that of the ranks."""
    batches = list(batches)
    while len(batches) % num_ranks:
        largest = max(range(len(batches)), key=lambda i: len(batches[i]))
        pairs = batches[largest]
        if len(pairs) < 2:
            raise ConfigError(
                f"{len(batches)} training pairs, each a batch of its own, cannot be divided evenly among {num_ranks} "
                "ranks; use fewer ranks or more pairs"
            )
        batches[largest] = pairs[: len(pairs) // 2]
        batches.append(pairs[len(pairs) // 2 :])
    return batches
