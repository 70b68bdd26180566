"""The training loop: steps, validations and checkpoints, in the order in which they happen.

What is trained, on what, how it is evaluated and who watches are all passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.errors import ConfigError
from regard.kernels import Choice, forced
from regard.training.averaging import MovingAverage, check_decay, mean_weights, swapped_weights
from regard.training.batch_budget import tokens_per_batch
from regard.training.best_checkpoints import checkpoint_folder, delete_other_checkpoints
from regard.training.corpus import TrainingCorpus
from regard.training.precision import Precision, make_fabric
from regard.training.progress import Progress, ValidatedStep
from regard.training.reports import (
    RunFacts,
    StepReport,
    TrainingResult,
    ValidationReport,
    ValidationResult,
)
from regard.training.schedule import learning_rate
from regard.training.signals import Interruption
from regard.training.state import SavedState, check_plan, read_state, restore, save_state
from regard.training.stopping_criteria import (
    Stopwatch,
    check_stopping,
    stop_reason,
    total_steps,
    validation_is_due,
)
from regard.training.update import Update, UpdateResult
from regard.training.watchers.base import Watcher

LAST = "last"
MAX_SKIPPED = 20  # steps in a row with a gradient that is not finite, after which training fails

Evaluate = Callable[[nn.Module], ValidationResult]
SaveModel = Callable[[Path, ValidationReport], None]


def run_loop(
    model: nn.Module,
    corpus: TrainingCorpus,
    config: TrainingConfig,
    *,
    folder: Path,
    precision: Precision,
    evaluate: Evaluate,
    save_model: SaveModel,
    watchers: Sequence[Watcher] = (),
    resume: bool = False,
) -> TrainingResult:
    """Train a model, in place, until its recipe, its patience, a watcher or a signal ends the run.

    `model(batch)` returns a `Loss`. `evaluate(model)` is called in eval mode and without gradients, with the moving
    average of the weights if the recipe has one; if the model is better than before, `save_model(folder, report)` is
    called. If the recipe averages checkpoints, the best are saved in `folder/checkpoints/STEP` in the same way, and
    when the recipe ends the run their mean is evaluated, and saved if it is better. The training state is saved in
    `folder/last` every `save_every` steps, after each validation and at the end. `resume` continues from there, bit
    for bit as if never interrupted (on the same machine and with as many threads, and without a time limit), in the
    precision in which the run began unless the recipe names one.
    Raises ConfigError for a recipe that cannot work, ModelError if there is no complete state to resume from.
    """
    check_stopping(config)
    check_decay(config.ema)
    saved = read_state(folder / LAST) if resume else None
    if saved is not None:
        precision = _precision_on_resume(saved, config, precision)
    loop = _Loop(model, corpus, config, folder, precision, evaluate, save_model, watchers)
    with ExitStack() as cleanup, forced(precision.backend):
        for watcher in watchers:
            cleanup.callback(watcher.close)
        if saved is not None:
            loop.restore(saved)
        return loop.run()


def _precision_on_resume(saved: SavedState, config: TrainingConfig, chosen: Precision) -> Precision:
    """Replace the precision and kernels that were chosen now by those of the run, unless the recipe names them."""
    reason = "as before the interruption"
    if config.precision == "auto":
        chosen = Precision(saved.precision, reason, chosen.kernels)
    if config.kernels == "auto" and saved.kernels is not None:
        chosen = replace(chosen, kernels=Choice(saved.kernels, reason))
    return chosen


@dataclass
class _Loop:
    """One run of the loop. Its whole state is `progress` and the tensors of model, moving average and optimiser."""

    model: nn.Module
    corpus: TrainingCorpus
    config: TrainingConfig
    folder: Path
    precision: Precision
    evaluate: Evaluate
    save_model: SaveModel
    watchers: Sequence[Watcher]

    def __post_init__(self) -> None:
        self.fabric = make_fabric(self.config, self.precision)
        self.update = Update(self.fabric, self.model, self.config)
        self.moving = MovingAverage(self.model, self.config.ema) if self.config.ema else None
        self.progress = Progress(metric=self.config.metric)
        self.stopwatch = Stopwatch(self.config.max_minutes)
        self.lengths = (self.corpus.source_lengths, self.corpus.target_lengths)
        self.plan = self.plan_epoch(0)
        self.steps_per_epoch = -(-len(self.plan) // self.config.accumulate)
        self.total_steps = total_steps(self.config, self.steps_per_epoch)
        self.requested_stop: str | None = None
        torch.manual_seed(self.config.seed + self.fabric.global_rank)

    @property
    def last(self) -> Path:
        """The folder of the training state."""
        return self.folder / LAST

    def restore(self, saved: SavedState) -> None:
        """Continue from the state of an interrupted run."""
        check_plan(self.last, saved.plan, self.plan_settings())
        average = self.moving.weights if self.moving else None
        restore(self.last, self.model, self.update.optimiser, average)
        self.progress = saved.progress.for_metric(self.config.metric)
        self.stopwatch = Stopwatch(self.config.max_minutes, saved.progress.elapsed_s)
        self.plan = self.plan_epoch(saved.progress.epoch)

    def run(self) -> TrainingResult:
        """Take steps and validate until there is a reason to stop; then save."""
        for watcher in self.watchers:
            watcher.on_start(self.facts())
        self.model.train()
        with Interruption() as interruption:
            while not (reason := interruption.reason):
                if validation_is_due(self.config, self.progress, self.stopwatch.share()):
                    self.validate()
                elif reason := self.requested_stop or self.stop_reason():
                    break
                else:
                    self.step()
            if reason and reason == self.stop_reason():
                self.validate_mean()
            self.save()
        result = self.result(reason, interrupted=interruption.reason is not None)
        for watcher in self.watchers:
            watcher.on_stop(result)
        return result

    def step(self) -> None:
        """Take one optimiser step over the next batches of the plan."""
        started = time.perf_counter()
        now = self.progress
        planned = self.plan[now.batch : now.batch + self.config.accumulate]
        batches = [self.corpus.batch(ranks[self.fabric.global_rank]) for ranks in planned]
        rate = learning_rate(
            self.config,
            now.step + 1,
            self.total_steps,
            now.plateau,
            epochs=now.epoch + now.batch / len(self.plan),
            time_share=self.stopwatch.share(),
        )
        done = self.update(batches, rate)
        seconds = time.perf_counter() - started
        self.progress = _after_step(now, done, len(batches), seconds)
        if self.moving and done.applied:
            self.moving.update(self.model, self.progress.step - self.progress.skipped)
        if self.progress.batch >= len(self.plan):
            self.progress = replace(self.progress, epoch=now.epoch + 1, batch=0)
            self.plan = self.plan_epoch(now.epoch + 1)
        report = self.report_step(done, now.epoch + 1, rate, seconds)
        self.notify(watcher.on_step(report) for watcher in self.watchers)
        self.check_not_diverged()
        if self.config.save_every and self.progress.step % self.config.save_every == 0:
            self.save()

    def validate(self) -> None:
        """Evaluate the model, save it if it is among the best so far, and save the training state."""
        with swapped_weights(self.model, self.moving.weights) if self.moving else nullcontext():
            report, found = self.evaluate_weights()
            self.progress = self.progress.after_validation(report.is_best, report.without_gain, self.config)
            self.keep_checkpoint(report, found)
        self.save()
        if self.config.average and self.fabric.is_global_zero:  # now that the saved state does not name them
            delete_other_checkpoints(self.folder, self.progress.kept)
        self.notify(watcher.on_validation(report) for watcher in self.watchers)

    def validate_mean(self) -> None:
        """Evaluate the mean of the best checkpoints, once, and save it if it is better than each of them."""
        now = self.progress
        folders = [checkpoint_folder(self.folder, kept) for kept in now.kept[: self.config.average]]
        if len(folders) < 2 or now.averaged_step == now.step:
            return
        with swapped_weights(self.model, mean_weights(self.model, folders)):
            report, _ = self.evaluate_weights(averaged=len(folders))
        self.progress = replace(self.progress, averaged_step=now.step)
        self.notify(watcher.on_validation(report) for watcher in self.watchers)

    def evaluate_weights(self, averaged: int = 0) -> tuple[ValidationReport, ValidatedStep]:
        """Evaluate the weights that the model has now, and save them if they are the best so far."""
        started = time.perf_counter()
        self.model.eval()
        with torch.no_grad():
            result = self.evaluate(self.model)
        self.model.train()
        before = self.progress
        found = ValidatedStep(before.step, result.value(self.config.metric), result.loss)
        gained = before.is_best(found)
        now = self.progress = before.with_best(found) if gained else before
        assert now.best is not None
        report = ValidationReport(
            step=now.step,
            epoch=now.epochs_begun,
            result=result,
            metric=self.config.metric,
            is_best=gained,
            best=now.best,
            best_step=now.best_step,
            without_gain=0 if gained else now.without_gain + (not averaged),
            seconds=time.perf_counter() - started,
            averaged=averaged,
        )
        if gained and self.fabric.is_global_zero:
            self.save_model(self.folder, report)
        return report, found

    def keep_checkpoint(self, report: ValidationReport, found: ValidatedStep) -> None:
        """Save the model as a checkpoint if it is among the best that the recipe averages."""
        before = self.progress
        self.progress = before.with_kept(found, self.config.average)
        if self.progress is not before and self.fabric.is_global_zero:
            self.save_model(checkpoint_folder(self.folder, found), report)

    def stop_reason(self) -> str | None:
        """Return why the recipe ends the run here, or None."""
        return stop_reason(self.config, self.progress, self.stopwatch.share())

    def notify(self, answers: Iterable[str | None]) -> None:
        """Let every watcher answer; the first reason to stop counts."""
        reasons = [answer for answer in answers if answer]
        self.requested_stop = self.requested_stop or next(iter(reasons), None)

    def check_not_diverged(self) -> None:
        """Raise ConfigError after too many steps in a row without a finite gradient."""
        if self.progress.skipped_in_a_row >= MAX_SKIPPED:
            raise ConfigError(
                f"training: {MAX_SKIPPED} steps in a row had a loss or gradient that is not finite (up to step "
                f"{self.progress.step}); lower training.learning_rate or set training.precision to float32, "
                f"and start again or resume from {self.last}"
            )

    def save(self) -> None:
        """Save the training state and notify the watchers."""
        self.progress = replace(self.progress, elapsed_s=self.stopwatch.elapsed_s())
        if self.fabric.is_global_zero:
            state = SavedState(
                self.progress, self.precision.dtype, self.plan_settings(), self.precision.backend
            )
            average = self.moving.weights if self.moving else None
            save_state(self.last, state, self.model, self.update.optimiser, average)
        for watcher in self.watchers:
            watcher.on_checkpoint(self.last, self.progress.step)

    def plan_epoch(self, epoch: int) -> list[list[NDArray[np.int64]]]:
        """Return the batches of an epoch: `plan[batch][rank]` are rows of the corpus."""
        config, num_ranks = self.config, self.fabric.world_size
        return epoch_plan(*self.lengths, tokens_per_batch(config), config.seed, epoch, num_ranks)

    def plan_settings(self) -> dict[str, int | str]:
        """Return the settings that determine the plans, which a resumed run must share with the interrupted one."""
        config = self.config
        return {
            "training.seed": config.seed,
            "training.batch_tokens": config.batch_tokens,
            "training.accumulate": config.accumulate,
            "training.optimiser": config.optimiser,
            "number of training pairs": len(self.corpus),
            "number of target tokens": int(self.lengths[1].sum()),
            "number of ranks": self.fabric.world_size,
        }

    def remaining_s(self) -> float | None:
        """Estimate the seconds left, from the mean time of a step and from the time limit; None without any limit."""
        now, estimates = self.progress, []
        if self.total_steps is not None:
            estimates.append(max(self.total_steps - now.step, 0) * now.seconds / now.step)
        if (until_limit := self.stopwatch.remaining_s()) is not None:
            estimates.append(until_limit)
        return min(estimates, default=None)

    def facts(self) -> RunFacts:
        """Return what is known at the start."""
        return RunFacts(
            num_pairs=len(self.corpus),
            num_parameters=sum(p.numel() for p in self.model.parameters()),
            batches_per_epoch=len(self.plan),
            steps_per_epoch=self.steps_per_epoch,
            total_steps=self.total_steps,
            first_step=self.progress.step,
            num_ranks=self.fabric.world_size,
            device=str(self.fabric.device),
            precision=str(self.precision),
            metric=self.config.metric,
            step_by_step=self._step_by_step(),
        )

    def _step_by_step(self) -> tuple[str, ...]:
        """Return which loops do not run as one operation although kernels do, and why."""
        backends: dict[str, Choice] = getattr(self.model, "backends", dict)()
        if self.precision.backend == "plain":
            return ()
        loops = (f"{part} {choice}" for part, choice in backends.items() if choice.backend == "plain")
        return tuple(loop for loop in loops if not loop.startswith("search"))

    def report_step(self, done: UpdateResult, epoch: int, rate: float, seconds: float) -> StepReport:
        """Return the report of the step that was just taken."""
        return StepReport(
            step=self.progress.step,
            epoch=epoch,
            loss=done.loss,
            tokens=done.tokens,
            tokens_per_s=done.tokens / seconds,
            learning_rate=rate,
            gradient_norm=done.gradient_norm,
            applied=done.applied,
            skipped=self.progress.skipped,
            remaining_s=self.remaining_s(),
            split=self.progress.split,
        )

    def result(self, reason: str, interrupted: bool) -> TrainingResult:
        """Return how the run ended."""
        now = self.progress
        return TrainingResult(
            reason=reason,
            interrupted=interrupted,
            step=now.step,
            epoch=now.epochs_begun,
            tokens_seen=now.tokens_seen,
            skipped=now.skipped,
            seconds=now.seconds,
            best=now.best,
            best_step=now.best_step,
            last=self.last,
            split=now.split,
        )


def _after_step(now: Progress, done: UpdateResult, num_batches: int, seconds: float) -> Progress:
    """Return the progress after an optimiser step."""
    return replace(
        now,
        step=now.step + 1,
        batch=now.batch + num_batches,
        tokens_seen=now.tokens_seen + done.tokens,
        skipped=now.skipped + (not done.applied),
        skipped_in_a_row=0 if done.applied else now.skipped_in_a_row + 1,
        split=now.split + done.split,
        seconds=now.seconds + seconds,
    )
