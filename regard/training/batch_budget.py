"""`training.batch_tokens: auto`: as many tokens a batch as fit in memory and still train well."""

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
from regard.training.corpus import Corpus
from regard.training.device_memory import PeakMemory, free_bytes, let_go
from regard.training.precision import Precision, make_fabric
from regard.training.update import Update

MOST_TOKENS = 25_000  # as Vaswani et al. 2017, section 5.1
LEAST_TOKENS = 512
LEAST_STEPS = 100  # an epoch: with fewer a small corpus gives too few steps to learn from
CPU_SHARE = 0.5  # of the memory that is free: other programs want some too
PROBE_TOKENS = 1024


@dataclass(frozen=True)
class BatchBudget:
    """Target tokens a batch, and in words what kept them from being more."""

    tokens: int
    reason: str

    def __str__(self) -> str:
        return f"{self.tokens:,} target tokens ({self.reason})"


def find_batch_budget(
    model: nn.Module, corpus: Corpus, config: TrainingConfig, precision: Precision
) -> BatchBudget:
    """The budget that is not above MOST_TOKENS, leaves LEAST_STEPS an epoch, and fits in memory.

    On a GPU the largest batches are tried, and the budget halved until they fit. On the CPU, where a try would
    end the process, the memory of small batches is measured and taken in proportion, up to CPU_SHARE of what is
    free. Works on a copy of the model; model and random generators stay as they are.
    """
    wanted = _wanted(corpus, config)
    fabric = make_fabric(config, precision)
    with (
        forced(precision.form),
        torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []),
    ):
        update = Update(fabric, copy.deepcopy(model).train(), config)
        update([corpus.batch(np.zeros(1, np.int64))], config.learning_rate)  # makes gradients and moments
        find = _fitting_on_cpu if fabric.device.type == "cpu" else _fitting_by_trying
        fitting = max(find(update, corpus, config, wanted.tokens), LEAST_TOKENS)
    del update
    let_go(fabric.device)
    if fitting >= wanted.tokens:
        return wanted
    return BatchBudget(fitting, f"what fits in the memory of {fabric.device}")


def batch_budget(config: TrainingConfig) -> int:
    """`batch_tokens` as a number. Raises ConfigError for auto, which `regard.train` finds before the loop."""
    if isinstance(config.batch_tokens, str):
        raise ConfigError(
            f"training.batch_tokens: expected a number here, got {config.batch_tokens}; find_batch_budget finds one"
        )
    return config.batch_tokens


def _wanted(corpus: Corpus, config: TrainingConfig) -> BatchBudget:
    """The budget if memory had no end."""
    of_steps = int(corpus.target_lengths.sum()) // (LEAST_STEPS * config.accumulate)
    if of_steps >= MOST_TOKENS:
        return BatchBudget(MOST_TOKENS, "more would not train better")
    if of_steps <= LEAST_TOKENS:
        return BatchBudget(LEAST_TOKENS, "enough for so small a corpus")
    return BatchBudget(of_steps, f"about {LEAST_STEPS} steps an epoch")


def _fitting_on_cpu(update: Update, corpus: Corpus, config: TrainingConfig, wanted: int) -> int:
    """What would fit, from the memory that small batches take: it grows with their tokens."""
    probe, taken = min(wanted, PROBE_TOKENS), 1
    for batch in _largest(corpus, config, probe):
        peak = PeakMemory(update.fabric.device)
        update([batch], config.learning_rate)
        taken = max(taken, peak.increase_bytes())
    return int(probe * CPU_SHARE * free_bytes(update.fabric.device) / taken)


def _fitting_by_trying(update: Update, corpus: Corpus, config: TrainingConfig, wanted: int) -> int:
    """The first of `wanted`, a half, a quarter … whose largest batches are not split for want of memory."""
    tokens = wanted
    while tokens > LEAST_TOKENS:
        tried = _largest(corpus, config, tokens)
        if not any(update([batch], config.learning_rate).split for batch in tried):
            break
        tokens //= 2
    return tokens


def _largest(corpus: Corpus, config: TrainingConfig, tokens: int) -> Iterable[Batch]:
    """Of the batches of an epoch the one with the most places, and the one with the most weights of attention."""
    source, target = corpus.source_lengths, corpus.target_lengths
    plan = [ranks[0] for ranks in epoch_plan(source, target, tokens, config.seed, epoch=0)]
    places = max(plan, key=lambda rows: len(rows) * int(source[rows].max() + target[rows].max()))
    weights = max(plan, key=lambda rows: len(rows) * int(source[rows].max() * target[rows].max()))
    return (corpus.batch(rows) for rows in (places, weights))
