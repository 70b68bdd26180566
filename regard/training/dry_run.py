"""What a run would take: sizes, steps, memory of the largest batch, time of an epoch."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.kernels import forced
from regard.training.batch_budget import tokens_per_batch
from regard.training.corpus import TrainingCorpus
from regard.training.device_memory import PeakMemory
from regard.training.precision import Precision, make_fabric
from regard.training.stopping_criteria import check_stopping, total_steps
from regard.training.update import Update

TIMED_STEPS = 5
MEBIBYTE = 2**20


@dataclass(frozen=True)
class DryRun:
    """What a run would take. `total_steps` is None if only patience or time ends it.

    `parameters` counts them by part of the model; a shared tensor counts with the first part that has it.
    `batch_mebibytes` is the measured memory of forward and backward over the largest batch; `state_mebibytes`, the
    memory of weights, gradients and optimiser state, is computed, not measured.
    """

    parameters: Mapping[str, int]
    source_vocabulary: int
    target_vocabulary: int
    num_pairs: int
    target_tokens: int
    batches_per_epoch: int
    steps_per_epoch: int
    total_steps: int | None
    largest_batch: tuple[int, int, int]
    batch_mebibytes: float
    state_mebibytes: float
    seconds_per_epoch: float
    device: str
    precision: str


def measure_dry_run(
    model: nn.Module,
    corpus: TrainingCorpus,
    config: TrainingConfig,
    precision: Precision,
    vocabulary_sizes: tuple[int, int],
) -> DryRun:
    """Measure a few steps of this training on a copy of the model; model and random generators stay as they are.

    Raises ConfigError as training itself would.
    """
    check_stopping(config)
    lengths = corpus.source_lengths, corpus.target_lengths
    plan = [ranks[0] for ranks in epoch_plan(*lengths, tokens_per_batch(config), config.seed, epoch=0)]
    steps_per_epoch = -(-len(plan) // config.accumulate)
    parameters = parameters_by_part(model)
    target_tokens = int(corpus.target_lengths.sum())
    measured = _measure_steps(model, corpus, config, precision, plan)
    return DryRun(
        parameters=parameters,
        source_vocabulary=vocabulary_sizes[0],
        target_vocabulary=vocabulary_sizes[1],
        num_pairs=len(corpus),
        target_tokens=target_tokens,
        batches_per_epoch=len(plan),
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps(config, steps_per_epoch),
        largest_batch=measured.largest_batch,
        batch_mebibytes=measured.batch_mebibytes,
        state_mebibytes=sum(parameters.values()) * 4 * _copies(config) / MEBIBYTE,  # float32
        seconds_per_epoch=measured.seconds_per_token * target_tokens,
        device=measured.device,
        precision=str(precision),
    )


@dataclass(frozen=True)
class _Measured:
    """What a few steps took; `largest_batch` is its number of pairs, source and target positions."""

    largest_batch: tuple[int, int, int]
    batch_mebibytes: float
    seconds_per_token: float
    device: str


def _measure_steps(
    model: nn.Module,
    corpus: TrainingCorpus,
    config: TrainingConfig,
    precision: Precision,
    plan: Sequence[NDArray[np.int64]],
) -> _Measured:
    lengths = corpus.source_lengths, corpus.target_lengths
    by_size = sorted(plan, key=lambda rows: len(rows) * sum(int(side[rows].max()) for side in lengths))
    largest = corpus.batch(by_size[-1])
    fabric = make_fabric(config, precision)
    with (
        forced(precision.backend),
        torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []),
    ):
        update = Update(fabric, copy.deepcopy(model).train(), config)
        update([corpus.batch(by_size[0])], config.learning_rate)  # creates gradients and moments
        peak = PeakMemory(fabric.device)
        update([largest], config.learning_rate)
        batch_mebibytes = peak.increase_bytes() / MEBIBYTE
        seconds_per_token = _seconds_per_token(update, corpus, config, plan)
    sizes = len(largest.source), largest.source.shape[1], largest.target.shape[1]
    return _Measured(sizes, batch_mebibytes, seconds_per_token, str(fabric.device))


def describe_dry_run(facts: DryRun) -> list[str]:
    """Return the facts as lines of text."""
    parts = ", ".join(f"{name} {count:,}" for name, count in facts.parameters.items())
    sentences, source, target = facts.largest_batch
    end = f"{facts.total_steps:,} steps at most" if facts.total_steps else "until patience or time runs out"
    return [
        f"parameters     {sum(facts.parameters.values()):,} ({parts})",
        f"vocabularies   source {facts.source_vocabulary:,}, target {facts.target_vocabulary:,}",
        f"data           {facts.num_pairs:,} pairs, {facts.target_tokens:,} target tokens",
        f"epoch          {facts.batches_per_epoch:,} batches, {facts.steps_per_epoch:,} steps; {end}",
        f"memory         {facts.batch_mebibytes:,.0f} MiB for the largest batch ({sentences} pairs, {source} source "
        f"and {target} target positions), {facts.state_mebibytes:,.0f} MiB for weights, gradients and optimiser",
        f"time           {facts.seconds_per_epoch:,.1f} s an epoch on {facts.device} without validation",
        f"precision      {facts.precision}",
    ]


def parameters_by_part(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters of each direct part of the model, counting shared ones once."""
    counts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        counts[part] = counts.get(part, 0) + parameter.numel()
    return counts


def _copies(config: TrainingConfig) -> int:
    """Count the numbers kept per weight: itself, its gradient, the optimiser's moments, the moving average."""
    moments = int(config.momentum > 0) if config.optimiser == "sgd" else 2
    return 2 + moments + int(config.ema > 0)


def _seconds_per_token(
    update: Update, corpus: TrainingCorpus, config: TrainingConfig, plan: Sequence[NDArray[np.int64]]
) -> float:
    """Return the mean time per target token of a few steps, spread evenly over the plan."""
    chosen = np.linspace(0, len(plan) - 1, min(TIMED_STEPS, len(plan))).astype(int)
    started, tokens = time.perf_counter(), 0
    for index in chosen:
        tokens += update([corpus.batch(plan[index])], config.learning_rate).tokens
    return (time.perf_counter() - started) / tokens
