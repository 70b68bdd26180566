"""From a recipe to a model folder: prepare, build, train, keep the best."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from regard.build import build_model
from regard.checkpoint import (
    CONFIG,
    FORMAT,
    ModelCard,
    check_format,
    holds_files,
    load_config,
    save_model,
    whole_file,
)
from regard.config import Config
from regard.errors import ConfigError
from regard.model import Seq2Seq
from regard.training.dry_run import DryRun, dry_run
from regard.training.loop import LAST, run_loop
from regard.training.pairs import Progress, silent
from regard.training.precision import Precision, choose_device, choose_precision
from regard.training.prepare import Tell, prepare, resolve
from regard.training.prepared import Prepared, load_prepared, save_prepared
from regard.training.reports import TrainingResult, ValidationReport
from regard.training.schedule import check_ending
from regard.training.validator import Validator
from regard.training.watchers import MetricsFile, TensorBoard, Watcher
from regard.translator import Translator, load

DATA = "data"


@dataclass(frozen=True)
class Trained:
    """A finished training: how it ended, and the folder of the best model."""

    folder: Path
    result: TrainingResult

    def translator(self) -> Translator:
        """The best model, ready to translate."""
        return load(self.folder)


def train(
    recipe: Config | str | Path | None = None,
    data: Sequence[str | Path] = (),
    *,
    out: str | Path = "runs/model",
    overrides: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    watchers: Sequence[Watcher] = (),
    prepared: Prepared | str | Path | None = None,
    tell: Tell = lambda line: None,
    bars: Progress = silent,
    command: str = "regard.train(...)",
) -> Trained:
    """Train a model and leave it in the folder `out`, ready for `regard.load(out)`.

    `recipe` is a Config, a YAML file or the name of a packaged recipe; `overrides` change it like the command
    line's `--model.dropout=0.3`; `data` are training files in place of the recipe's. `resume` goes on with the
    run in `out`, bit for bit, by its own recipe if none is given; `overwrite` starts anew where one lies.
    `watchers` look on and may stop the run, `tell` hears what is being prepared and `bars` how far it is;
    `prepared` is data made ready before, for the same data and tokeniser sections, or the folder of such data, whose
    own sections then count. Raises ConfigError, DataError or ModelError for what cannot
    work, before anything is written.
    """
    folder = Path(out)
    if recipe is None and resume:
        check_format(folder)
        recipe = whole_file(folder, CONFIG)
    config = resolve(recipe, data, overrides)
    if isinstance(prepared, str | Path):
        prepared = load_prepared(Path(prepared), "prepare it anew with `regard prepare`")
        config = replace(config, data=prepared.config.data, tokeniser=prepared.config.tokeniser)
    _check_out(folder, config, resume, overwrite)
    check_ending(config.training)
    _check_alone()
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    if resume:
        prepared = load_prepared(folder / DATA, "train anew with --overwrite")
    elif prepared is None:
        prepared = prepare(config, tell=tell, progress=bars)
    model, precision = _model(config, prepared)
    standard: list[Watcher] = [MetricsFile(folder / "metrics.jsonl")]
    if config.training.tensorboard:
        standard.append(TensorBoard(folder / "tensorboard"))
    card = _Card(folder, config, prepared, command)
    if not resume:
        for old in (
            LAST,
            "tensorboard",
        ):  # of a run overwritten: its state must not be resumed, nor its curves shown
            shutil.rmtree(folder / old, ignore_errors=True)
        card.save(model, {"state": "untrained"}, {}, trained=False)
        save_prepared(folder / DATA, prepared)
        prepared = load_prepared(folder / DATA)  # from here on the ids stay on the disk
    result = run_loop(
        model,
        prepared.corpus,
        config.training,
        folder=folder,
        precision=precision,
        evaluate=Validator(prepared.validation, prepared.tokenisers, config),
        keep_best=lambda report: card.save_best(model, report),
        watchers=[*standard, *watchers],
        resume=resume,
    )
    return Trained(folder, result)


def measure(
    recipe: Config | str | Path | None = None,
    data: Sequence[str | Path] = (),
    *,
    overrides: Sequence[str] = (),
    tell: Tell = lambda line: None,
) -> DryRun:
    """The facts of such a run, from a few steps on a copy of the model; nothing is written."""
    config = resolve(recipe, data, overrides)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    prepared = prepare(config, tell=tell)
    model, precision = _model(config, prepared)
    sizes = (len(prepared.tokenisers.source), len(prepared.tokenisers.target))
    return dry_run(model, prepared.corpus, config.training, precision, sizes)


def _check_out(folder: Path, config: Config, resume: bool, overwrite: bool) -> None:
    """Refuse to write over a run, and to resume another one."""
    begun = whole_file(folder, FORMAT).is_file()
    if resume:
        saved = load_config(folder)
        for section in ("data", "tokeniser", "model"):
            if getattr(saved, section) != getattr(config, section):
                raise ConfigError(
                    f"--resume: {section} differs from the run in {folder}; give the same recipe and options, "
                    "or none to take the run's own; only training and search may change"
                )
    elif begun and not overwrite:
        raise ConfigError(
            f"{folder} already holds a run: --resume goes on with it, --overwrite starts anew, "
            "--out FOLDER writes elsewhere"
        )
    elif folder.is_file() or (not begun and holds_files(folder)):
        raise ConfigError(f"{folder} is a file, or a folder of something else: choose another --out")


def _check_alone() -> None:
    """Refuse to be one of several ranks: their runs would write over each other."""
    ranks = os.environ.get("WORLD_SIZE", "1")
    if ranks != "1":
        raise ConfigError(
            f"train: started as one of {ranks} ranks (WORLD_SIZE), but it trains on one device: start it alone"
        )


def _model(config: Config, prepared: Prepared) -> tuple[Seq2Seq, Precision]:
    """Fresh weights from the recipe's seed, and the precision they train in."""
    torch.manual_seed(config.training.seed)
    model = build_model(
        config.model,
        len(prepared.tokenisers.source),
        len(prepared.tokenisers.target),
        shared_vocabulary=config.tokeniser.shared,
        label_smoothing=config.training.label_smoothing,
    )
    device = choose_device(config.training.device)
    return model, choose_precision(config.training.precision, device, config.model.decoder.hidden_size)


@dataclass(frozen=True)
class _Card:
    """Writes the model folder with a card that says where the model stands."""

    folder: Path
    config: Config
    prepared: Prepared
    command: str

    def save_best(self, model: Seq2Seq, report: ValidationReport) -> None:
        """Keep the best model so far."""
        result = report.result
        metrics = {
            "validation loss (nats a piece)": f"{result.loss:.4f}",
            "validation BLEU (greedy)": f"{result.bleu:.2f}",
            "validation chrF (greedy)": f"{result.chrf:.2f}",
        }
        self.save(model, {"step": f"{report.step:,}", "epoch": report.epoch}, metrics)

    def save(
        self,
        model: Seq2Seq,
        facts: Mapping[str, object],
        metrics: Mapping[str, object],
        trained: bool = True,
    ) -> None:
        """Write the folder, whole."""
        parameters = sum(parameter.numel() for parameter in model.parameters())
        sizes = {"parameters": f"{parameters:,}", "training pairs": f"{len(self.prepared.corpus):,}"}
        report = self.prepared.report
        cleaned = {
            f"pairs: {what}": f"{count:,}" for what, count in {**report.left_out, **report.changed}.items()
        }
        card = ModelCard(
            name=self.folder.name,
            command=self.command,
            data=self.prepared.origin,
            facts={**sizes, **cleaned, **facts},
            metrics=metrics,
        )
        save_model(self.folder, model, self.config, self.prepared.tokenisers, card, trained)
