"""The facts of a run before it starts: sizes, steps, memory of the largest batch, time of an epoch."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.kernels import forced
from regard.training.batch_budget import batch_budget
from regard.training.corpus import Corpus
from regard.training.device_memory import PeakMemory
from regard.training.precision import Precision, make_fabric
from regard.training.schedule import check_ending, total_steps
from regard.training.update import Update

TIMED_STEPS = 5
MEBIBYTE = 2**20


@dataclass(frozen=True)
class DryRun:
    """What a run would be. `total_steps` is None where only patience or time ends it.

    `parameters` counts by part of the model, a shared tensor with the first part that has it. `batch_mebibytes`
    is what forward and backward of the largest batch took beyond what was there before; the copies of each
    weight for gradient and optimiser, `state_mebibytes`, are counted, not measured.
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


def dry_run(
    model: nn.Module,
    corpus: Corpus,
    config: TrainingConfig,
    precision: Precision,
    vocabulary_sizes: tuple[int, int],
) -> DryRun:
    """Measure a few steps of this training on a copy of the model; model and random generators stay as they are.

    Raises ConfigError as training itself would.
    """
    check_ending(config)
    plan = epoch_plan(
        corpus.source_lengths, corpus.target_lengths, batch_budget(config), config.seed, epoch=0
    )
    rows = [ranks[0] for ranks in plan]
    steps_per_epoch = -(-len(rows) // config.accumulate)
    fabric = make_fabric(config, precision)
    lengths = corpus.source_lengths, corpus.target_lengths
    by_size = sorted(rows, key=lambda r: len(r) * sum(int(side[r].max()) for side in lengths))
    batch = corpus.batch(by_size[-1])
    with (
        forced(precision.form),
        torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []),
    ):
        update = Update(fabric, copy.deepcopy(model).train(), config)
        update([corpus.batch(by_size[0])], config.learning_rate)  # makes gradients and moments
        peak = PeakMemory(fabric.device)
        update([batch], config.learning_rate)
        batch_mebibytes = peak.increase_bytes() / MEBIBYTE
        seconds_per_token = _seconds_per_token(update, corpus, config, rows)
    parameters = parameters_by_part(model)
    target_tokens = int(corpus.target_lengths.sum())
    return DryRun(
        parameters=parameters,
        source_vocabulary=vocabulary_sizes[0],
        target_vocabulary=vocabulary_sizes[1],
        num_pairs=len(corpus),
        target_tokens=target_tokens,
        batches_per_epoch=len(rows),
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps(config, steps_per_epoch),
        largest_batch=(len(batch.source), batch.source.shape[1], batch.target.shape[1]),
        batch_mebibytes=batch_mebibytes,
        state_mebibytes=sum(parameters.values()) * 4 * _copies(config) / MEBIBYTE,  # float32
        seconds_per_epoch=seconds_per_token * target_tokens,
        device=str(fabric.device),
        precision=str(precision),
    )


def dry_run_lines(facts: DryRun) -> list[str]:
    """The facts as lines of text."""
    parts = ", ".join(f"{name} {count:,}" for name, count in facts.parameters.items())
    sentences, source, target = facts.largest_batch
    end = f"{facts.total_steps:,} steps at most" if facts.total_steps else "until patience or time runs out"
    return [
        f"parameters     {sum(facts.parameters.values()):,} ({parts})",
        f"vocabularies   source {facts.source_vocabulary:,}, target {facts.target_vocabulary:,}",
        f"data           {facts.num_pairs:,} pairs, {facts.target_tokens:,} target tokens",
        f"epoch          {facts.batches_per_epoch:,} batches, {facts.steps_per_epoch:,} steps; {end}",
        f"memory         {facts.batch_mebibytes:,.0f} MiB for the largest batch ({sentences} pairs, {source} source "
        f"and {target} target places), {facts.state_mebibytes:,.0f} MiB for weights, gradients and optimiser",
        f"time           {facts.seconds_per_epoch:,.1f} s an epoch on {facts.device} without validation",
        f"precision      {facts.precision}",
    ]


def parameters_by_part(model: nn.Module) -> dict[str, int]:
    """Parameters of each direct part of the model, shared ones counted once."""
    counts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        counts[part] = counts.get(part, 0) + parameter.numel()
    return counts


def _copies(config: TrainingConfig) -> int:
    """Numbers kept for each weight: itself, its gradient, the optimiser's moments, the moving average."""
    moments = int(config.momentum > 0) if config.optimiser == "sgd" else 2
    return 2 + moments + int(config.ema > 0)


def _seconds_per_token(
    update: Update, corpus: Corpus, config: TrainingConfig, rows: list[NDArray[np.int64]]
) -> float:
    """Mean over a few steps, spread over the plan."""
    chosen = np.linspace(0, len(rows) - 1, min(TIMED_STEPS, len(rows))).astype(int)
    started, tokens = time.perf_counter(), 0
    for place in chosen:
        tokens += update([corpus.batch(rows[place])], config.learning_rate).tokens
    return (time.perf_counter() - started) / tokens
