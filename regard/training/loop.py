"""The training loop: steps, validations and checkpoints, in the order in which they happen.

What is trained, on what, how it is judged and who watches are all passed in.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.errors import ConfigError
from regard.kernels import Choice, forced
from regard.metrics import MEASURES
from regard.training.averaging import MovingAverage, check_decay, exchanged, mean_weights
from regard.training.batch_budget import batch_budget
from regard.training.corpus import Corpus
from regard.training.precision import Precision, make_fabric
from regard.training.reports import (
    RunFacts,
    StepReport,
    TrainingResult,
    ValidationReport,
    ValidationResult,
)
from regard.training.schedule import check_ending, learning_rate, total_steps
from regard.training.signals import Interruption
from regard.training.state import (
    Progress,
    SavedState,
    Validated,
    check_plan,
    read_state,
    restore,
    save_state,
)
from regard.training.update import Update
from regard.training.watchers.base import Watcher

LAST = "last"
CHECKPOINTS = "checkpoints"
MOST_SKIPPED = 20  # steps in a row with a gradient that is not finite, before we give up


def run_loop(
    model: nn.Module,
    corpus: Corpus,
    config: TrainingConfig,
    *,
    folder: Path,
    precision: Precision,
    evaluate: Callable[[nn.Module], ValidationResult],
    keep: Callable[[Path, ValidationReport], None],
    watchers: Sequence[Watcher] = (),
    resume: bool = False,
) -> TrainingResult:
    """Train a model until its recipe, its patience, a watcher or a signal says stop; it is changed in place.

    `model(batch)` gives a `Loss`. `evaluate(model)` judges it, in eval mode and without gradients, with the moving
    average of its weights if the recipe has one; when that is better than before, `keep(folder, report)` is
    called to save it. If the recipe averages checkpoints, the best are kept in `folder/checkpoints/STEP` in the
    same way, and when the recipe ends the run their mean is judged and kept likewise. The training state is
    saved in `folder/last` every `save_every` steps, after each validation and at the end; `resume` goes on from
    there, bit for bit as if never interrupted (same machine and threads, no time limit), and then keeps the
    precision it began with unless the recipe names one.
    Raises ConfigError for a recipe that cannot work, ModelError if there is nothing whole to resume.
    """
    check_ending(config)
    check_decay(config.ema)
    saved = read_state(folder / LAST) if resume else None
    if saved is not None:
        precision = _as_before(saved, config, precision)
    run = _Run(model, corpus, config, folder, precision, evaluate, keep, watchers)
    with ExitStack() as at_end, forced(precision.form):
        for watcher in watchers:
            at_end.callback(watcher.close)
        if saved is not None:
            run.go_on_from(saved)
        return run.until_stopped()


def _as_before(saved: SavedState, config: TrainingConfig, now: Precision) -> Precision:
    """The precision and kernels that a run began with, where the recipe leaves them open."""
    before = "as before the interruption"
    if config.precision == "auto":
        now = Precision(saved.precision, before, now.kernels)
    if config.kernels == "auto" and saved.kernels is not None:
        now = replace(now, kernels=Choice(saved.kernels, before))
    return now


class _Run:
    """One run of the loop. `progress` and the tensors of model and optimiser are all its state."""

    def __init__(
        self,
        model: nn.Module,
        corpus: Corpus,
        config: TrainingConfig,
        folder: Path,
        precision: Precision,
        evaluate: Callable[[nn.Module], ValidationResult],
        keep: Callable[[Path, ValidationReport], None],
        watchers: Sequence[Watcher],
    ) -> None:
        self.model, self.corpus, self.config = model, corpus, config
        self.folder, self.last = folder, folder / LAST
        self.precision, self.watchers = precision, watchers
        self.evaluate, self.keep = evaluate, keep
        self.fabric = make_fabric(config, precision)
        self.update = Update(self.fabric, model, config)
        self.moving = MovingAverage(model, config.ema) if config.ema else None
        self.progress = Progress(metric=config.metric)
        self.started = time.monotonic()
        self.lengths = (corpus.source_lengths, corpus.target_lengths)
        self.plan = self.plan_of(0)
        self.steps_per_epoch = -(-len(self.plan) // config.accumulate)
        self.total_steps = total_steps(config, self.steps_per_epoch)
        self.asked_to_stop: str | None = None
        torch.manual_seed(config.seed + self.fabric.global_rank)

    def go_on_from(self, saved: SavedState) -> None:
        """Take up the state of an interrupted run."""
        check_plan(self.last, saved.plan, self.what_fixes_the_plan())
        average = self.moving.weights if self.moving else None
        restore(self.last, self.model, self.update.optimiser, average)
        self.progress = saved.progress
        if saved.progress.metric != self.config.metric:  # what was best is not comparable any more
            nothing = Progress(metric=self.config.metric)
            self.progress = replace(
                saved.progress,
                metric=nothing.metric,
                best=None,
                best_loss=nothing.best_loss,
                without_gain=0,
                kept=(),
            )
        self.started -= saved.progress.elapsed_s
        self.plan = self.plan_of(saved.progress.epoch)

    def until_stopped(self) -> TrainingResult:
        """Take steps and validate until there is a reason to stop; then save."""
        for watcher in self.watchers:
            watcher.on_start(self.facts())
        self.model.train()
        with Interruption() as interruption:
            while not (reason := interruption.reason):
                if self.validation_is_due():
                    self.validate()
                elif reason := self.asked_to_stop or self.end_reached():
                    break
                else:
                    self.step()
            if reason and reason == self.end_reached():
                self.validate_mean()
            self.save()
        result = self.result(reason, interrupted=interruption.reason is not None)
        for watcher in self.watchers:
            watcher.on_stop(result)
        return result

    def step(self) -> None:
        """One optimiser step over the next batches of the plan."""
        started = time.perf_counter()
        now = self.progress
        places = self.plan[now.batch : now.batch + self.config.accumulate]
        batches = [self.corpus.batch(ranks[self.fabric.global_rank]) for ranks in places]
        rate = learning_rate(
            self.config,
            now.step + 1,
            self.total_steps,
            now.plateau,
            epochs=now.epoch + now.batch / len(self.plan),
            time_share=self.time_share(),
        )
        done = self.update(batches, rate)
        took = time.perf_counter() - started
        self.progress = replace(
            now,
            step=now.step + 1,
            batch=now.batch + len(batches),
            tokens_seen=now.tokens_seen + done.tokens,
            skipped=now.skipped + (not done.applied),
            skipped_in_a_row=0 if done.applied else now.skipped_in_a_row + 1,
            split=now.split + done.split,
            seconds=now.seconds + took,
        )
        if self.moving and done.applied:
            self.moving.update(self.model, self.progress.step - self.progress.skipped)
        if self.progress.batch >= len(self.plan):
            self.progress = replace(self.progress, epoch=now.epoch + 1, batch=0)
            self.plan = self.plan_of(now.epoch + 1)
        report = StepReport(
            step=self.progress.step,
            epoch=now.epoch + 1,
            loss=done.loss,
            tokens=done.tokens,
            tokens_per_s=done.tokens / took,
            learning_rate=rate,
            gradient_norm=done.gradient_norm,
            applied=done.applied,
            skipped=self.progress.skipped,
            remaining_s=self.remaining_s(),
            split=self.progress.split,
        )
        self.listen(watcher.on_step(report) for watcher in self.watchers)
        self.give_up_if_broken()
        if self.config.save_every and self.progress.step % self.config.save_every == 0:
            self.save()

    def validate(self) -> None:
        """Judge the model, keep it if it is the best so far or one of them, and save the training state."""
        with exchanged(self.model, self.moving.weights) if self.moving else nullcontext():
            report, found = self.judge()
            now = self.progress
            self.progress = replace(
                now,
                validated_step=now.step,
                without_gain=report.without_gain,
                plateau=now.plateau.after(
                    report.is_best, self.config.plateau_factor, self.config.plateau_patience
                ),
            )
            self.keep_checkpoint(report, found)
        self.save()
        self.drop_checkpoints()
        self.listen(watcher.on_validation(report) for watcher in self.watchers)

    def validate_mean(self) -> None:
        """Judge the mean of the best checkpoints, once, and keep it if it is better than each of them."""
        now = self.progress
        folders = [self.checkpoint(kept) for kept in now.kept[: self.config.average]]
        if len(folders) < 2 or now.averaged_step == now.step:
            return
        with exchanged(self.model, mean_weights(self.model, folders)):
            report, _ = self.judge(averaged=len(folders))
        self.progress = replace(self.progress, averaged_step=now.step)
        self.listen(watcher.on_validation(report) for watcher in self.watchers)

    def judge(self, averaged: int = 0) -> tuple[ValidationReport, Validated]:
        """Evaluate the weights the model has now, and keep them if they are the best so far."""
        started = time.perf_counter()
        self.model.eval()
        with torch.no_grad():
            result = self.evaluate(self.model)
        self.model.train()
        now = self.progress
        value = result.value(self.config.metric)
        found = Validated(now.step, value, result.loss)
        gained = now.best is None or self.better(found, Validated(now.best_step, now.best, now.best_loss))
        if gained:
            self.progress = replace(now, best=value, best_loss=result.loss, best_step=now.step)
        report = ValidationReport(
            step=now.step,
            epoch=now.epoch + (now.batch > 0),
            result=result,
            metric=self.config.metric,
            is_best=gained,
            best=value if now.best is None or gained else now.best,
            best_step=self.progress.best_step,
            without_gain=0 if gained else now.without_gain + (not averaged),
            seconds=time.perf_counter() - started,
            averaged=averaged,
        )
        if gained and self.fabric.is_global_zero:
            self.keep(self.folder, report)
        return report, found

    def better(self, one: Validated, other: Validated) -> bool:
        """Whether one beats the other; between equals, such as the BLEU of words, which is 0, the loss decides."""
        if one.value == other.value:
            return one.loss < other.loss
        return MEASURES[self.config.metric].is_better(one.value, other.value)

    def keep_checkpoint(self, report: ValidationReport, found: Validated) -> None:
        """Keep the model if it is one of the best that the recipe averages."""
        kept = self.progress.kept
        place = next((i for i, other in enumerate(kept) if self.better(found, other)), len(kept))
        if place < self.config.average:
            now_kept = (*kept[:place], found, *kept[place:])[: self.config.average]
            self.progress = replace(self.progress, kept=now_kept)
            if self.fabric.is_global_zero:
                self.keep(self.checkpoint(found), report)

    def drop_checkpoints(self) -> None:
        """Delete those that are no longer among the best; called once the saved state does not name them."""
        if self.config.average and self.fabric.is_global_zero:
            wanted = {self.checkpoint(kept) for kept in self.progress.kept}
            for folder in (self.folder / CHECKPOINTS).glob("*"):
                if folder.name.isdecimal() and folder.is_dir() and folder not in wanted:
                    shutil.rmtree(folder)

    def checkpoint(self, kept: Validated) -> Path:
        """Where one of the best is kept."""
        return self.folder / CHECKPOINTS / str(kept.step)

    def validation_is_due(self) -> bool:
        """At every so many steps or at an epoch's end, and at the very end, but once a step."""
        now = self.progress
        if now.step == now.validated_step:
            return False
        every = self.config.validate_every
        at_its_time = now.step % every == 0 if every else now.batch == 0
        return at_its_time or self.end_reached() is not None

    def end_reached(self) -> str | None:
        """Why the recipe ends the training here, or None."""
        now, config = self.progress, self.config
        if config.max_steps and now.step >= config.max_steps:
            return f"reached max_steps = {config.max_steps}"
        if config.epochs and now.epoch >= config.epochs:
            return f"finished {config.epochs} epoch{'s' if config.epochs > 1 else ''}"
        if config.max_minutes and self.time_share() >= 1:
            return f"reached max_minutes = {config.max_minutes:g}"
        if config.patience and now.without_gain >= config.patience:
            return f"{config.metric} has not gained in {now.without_gain} validations"
        return None

    def listen(self, answers: Iterable[str | None]) -> None:
        """Hear every watcher out; the first reason to stop counts."""
        reasons = [answer for answer in answers if answer]
        self.asked_to_stop = self.asked_to_stop or next(iter(reasons), None)

    def give_up_if_broken(self) -> None:
        """Raise ConfigError when step after step has no finite gradient."""
        if self.progress.skipped_in_a_row >= MOST_SKIPPED:
            raise ConfigError(
                f"training: {MOST_SKIPPED} steps in a row had a loss or gradient that is not finite (up to step "
                f"{self.progress.step}); lower training.learning_rate or set training.precision to float32, "
                f"and start again or resume from {self.last}"
            )

    def save(self) -> None:
        """Save the training state and tell."""
        self.progress = replace(self.progress, elapsed_s=self.elapsed_s())
        if self.fabric.is_global_zero:
            state = SavedState(
                self.progress, self.precision.dtype, self.what_fixes_the_plan(), self.precision.form
            )
            average = self.moving.weights if self.moving else None
            save_state(self.last, state, self.model, self.update.optimiser, average)
        for watcher in self.watchers:
            watcher.on_checkpoint(self.last, self.progress.step)

    def plan_of(self, epoch: int) -> list[list[NDArray[np.int64]]]:
        """The batches of an epoch: `plan[place][rank]` are rows of the corpus."""
        config, ranks = self.config, self.fabric.world_size
        return epoch_plan(*self.lengths, batch_budget(config), config.seed, epoch, ranks)

    def what_fixes_the_plan(self) -> dict[str, int | str]:
        """The settings that a resumed run must share with the interrupted one."""
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

    def elapsed_s(self) -> float:
        """Seconds of training so far, in all parts of the run."""
        return time.monotonic() - self.started

    def time_share(self) -> float:
        """The share of the time allowed that lies behind; 0 where there is no limit."""
        return self.elapsed_s() / (60 * self.config.max_minutes) if self.config.max_minutes else 0.0

    def remaining_s(self) -> float | None:
        """Seconds of steps still to come at the mean speed so far, or of the time allowed if that is less."""
        now, left = self.progress, []
        if self.total_steps is not None:
            left.append(max(self.total_steps - now.step, 0) * now.seconds / now.step)
        if self.config.max_minutes:
            left.append(max(60 * self.config.max_minutes - self.elapsed_s(), 0.0))
        return min(left, default=None)

    def facts(self) -> RunFacts:
        """What watchers are told at the start."""
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
        )

    def result(self, reason: str, interrupted: bool) -> TrainingResult:
        """How the run ended."""
        now = self.progress
        return TrainingResult(
            reason=reason,
            interrupted=interrupted,
            step=now.step,
            epoch=now.epoch + (now.batch > 0),
            tokens_seen=now.tokens_seen,
            skipped=now.skipped,
            seconds=now.seconds,
            best=now.best,
            best_step=now.best_step,
            last=self.last,
            split=now.split,
        )
