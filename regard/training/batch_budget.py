"""`training.batch_tokens: auto`: as many tokens per batch as fit in memory and still train well."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.errors import ConfigError
from regard.kernels import forced
from regard.records.tensors import Batch
from regard.training.corpus import TrainingCorpus
from regard.training.device_memory import PeakMemory, free_bytes, release_unused
from regard.training.precision import Precision, make_fabric
from regard.training.update import Update

MAX_TOKENS = 25_000  # as Vaswani et al. 2017, section 5.1
MIN_TOKENS = 512
MIN_STEPS_PER_EPOCH = 100  # with fewer, a small corpus gives too few steps to learn from
CPU_SHARE = 0.5  # of the free memory: other programs need some too
PROBE_TOKENS = 1024


@dataclass(frozen=True)
class BatchBudget:
    """The number of target tokens per batch, and in words what limits it."""

    tokens: int
    reason: str

    def __str__(self) -> str:
        return f"{self.tokens:,} target tokens ({self.reason})"


def find_batch_budget(
    model: nn.Module, corpus: TrainingCorpus, config: TrainingConfig, precision: Precision
) -> BatchBudget:
    """Find the largest budget up to MAX_TOKENS that leaves MIN_STEPS_PER_EPOCH and fits in memory.

    On a GPU the largest batches are tried, and the budget halved until they fit. On the CPU, where running out of
    memory would end the process, the memory of small batches is measured and extrapolated to CPU_SHARE of what is
    free. Uses a copy of the model; the model and random generators stay as they are.
    """
    unlimited = _budget_without_memory_limit(corpus, config)
    fabric = make_fabric(config, precision)
    with (
        forced(precision.backend),
        torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []),
    ):
        update = Update(fabric, copy.deepcopy(model).train(), config)
        update([corpus.batch(np.zeros(1, np.int64))], config.learning_rate)  # creates gradients and moments
        find = _extrapolate_on_cpu if fabric.device.type == "cpu" else _halve_until_it_fits
        fitting = max(find(update, corpus, config, unlimited.tokens), MIN_TOKENS)
    del update
    release_unused(fabric.device)
    if fitting >= unlimited.tokens:
        return unlimited
    return BatchBudget(fitting, f"what fits in the memory of {fabric.device}")


def tokens_per_batch(config: TrainingConfig) -> int:
    """Return `batch_tokens` as a number. Raises ConfigError for auto, which `train` resolves before the loop."""
    if isinstance(config.batch_tokens, str):
        raise ConfigError(
            f"training.batch_tokens: expected a number here, got {config.batch_tokens}; find_batch_budget finds one"
        )
    return config.batch_tokens


def _budget_without_memory_limit(corpus: TrainingCorpus, config: TrainingConfig) -> BatchBudget:
    """Return the budget that trains well, whatever memory there is."""
    tokens = int(corpus.target_lengths.sum()) // (MIN_STEPS_PER_EPOCH * config.accumulate)
    if tokens >= MAX_TOKENS:
        return BatchBudget(MAX_TOKENS, "more would not train better")
    if tokens <= MIN_TOKENS:
        return BatchBudget(MIN_TOKENS, "enough for so small a corpus")
    return BatchBudget(tokens, f"about {MIN_STEPS_PER_EPOCH} steps an epoch")


def _extrapolate_on_cpu(update: Update, corpus: TrainingCorpus, config: TrainingConfig, most: int) -> int:
    """Estimate how many tokens fit from the memory that small batches take, which grows in proportion."""
    probe, used_bytes = min(most, PROBE_TOKENS), 1
    for batch in _largest_batches(corpus, config, probe):
        peak = PeakMemory(update.fabric.device)
        update([batch], config.learning_rate)
        used_bytes = max(used_bytes, peak.increase_bytes())
    return int(probe * CPU_SHARE * free_bytes(update.fabric.device) / used_bytes)


def _halve_until_it_fits(update: Update, corpus: TrainingCorpus, config: TrainingConfig, most: int) -> int:
    """Return the first of `most`, a half, a quarter … whose largest batches fit in memory without being split."""
    tokens = most
    while tokens > MIN_TOKENS:
        batches = _largest_batches(corpus, config, tokens)
        if not any(update([batch], config.learning_rate).split for batch in batches):
            break
        tokens //= 2
    return tokens


def _largest_batches(corpus: TrainingCorpus, config: TrainingConfig, tokens: int) -> Iterable[Batch]:
    """Return the batch of an epoch with the most positions, and the one with the most attention weights."""
    source, target = corpus.source_lengths, corpus.target_lengths
    plan = [ranks[0] for ranks in epoch_plan(source, target, tokens, config.seed, epoch=0)]
    positions = max(plan, key=lambda rows: len(rows) * int(source[rows].max() + target[rows].max()))
    weights = max(plan, key=lambda rows: len(rows) * int(source[rows].max() * target[rows].max()))
    return (corpus.batch(rows) for rows in (positions, weights))
