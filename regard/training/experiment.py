"""From a recipe to a model folder: prepare, build, train, keep the best."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from regard.atomic_writes import committed_file, list_entries
from regard.build import build_model
from regard.checkpoint import (
    CONFIG,
    FORMAT,
    ModelCard,
    check_format,
    load_config,
    save_model,
)
from regard.config import Config
from regard.errors import ConfigError
from regard.model import Seq2Seq
from regard.training.batch_budget import find_batch_budget
from regard.training.dry_run import DryRun, dry_run
from regard.training.initial_weights import begin
from regard.training.loop import CHECKPOINTS, LAST, run_loop
from regard.training.pairs import Progress, Tell, silent
from regard.training.precision import Precision, choose_device, choose_precision
from regard.training.prepare import prepare
from regard.training.prepared import Prepared, is_prepared, load_prepared, save_prepared
from regard.training.recipe import as_begun, check_not_settled, check_recipe, resolve, with_tokenisers_of_init
from regard.training.reports import TrainingResult, ValidationReport
from regard.training.validator import Validator
from regard.training.watchers import (
    Callback,
    Health,
    MetricsFile,
    ProgressBar,
    Samples,
    TensorBoard,
    Watcher,
    as_watcher,
)
from regard.translator import Translator, load

DATA = "data"
COMMANDS = "commands.txt"
_OF_A_RUN = (LAST, CHECKPOINTS, "tensorboard")  # what must not be resumed or shown once another begins there


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
    data: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path = "runs/model",
    init: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    watchers: Sequence[Watcher | Callback] = (),
    progress: bool | None = None,
    prepared: Prepared | str | Path | None = None,
    tell: Tell | None = None,
    bars: Progress = silent,
    command: str = "regard.train(...)",
) -> Trained:
    """Train a model and leave it in the folder `out`, ready for `regard.load(out)`.

    `recipe` is a Config, a YAML file or the name of a packaged recipe; `overrides` change it like the command
    line's `--model.dropout=0.3`, with or without dashes; `data` are training files in place of the recipe's.
    `init` is a trained model to start from: its weights, its tokenisers, and where no recipe is given its recipe,
    but for the data. `resume` goes on with the run in `out`, bit for bit, by its own recipe if none is given;
    `overwrite` starts anew where one lies. `prepared` is data made ready before, or the folder of such data, whose
    data and tokeniser sections then count.

    `watchers` look on and may stop the run. A function is enough: it is called with a `StepReport` after each
    step and a `ValidationReport` after each validation, and stops the run by giving a reason in words, or True:

        def good_enough(report):
            if hasattr(report, "result") and report.result.bleu > 30:
                return "BLEU is above 30"

        regard.train("luong2015", ["train.de", "train.en"], watchers=[good_enough])

    `progress` shows a progress bar, samples and the health of the attention on standard error; None: where that
    is a terminal. `tell` hears what is being prepared, in place of standard error, and `bars` how far it is.

    Raises ConfigError, DataError or ModelError for what cannot work, before anything is written.
    """
    folder = Path(out)
    console = Console(stderr=True, highlight=False)
    shown = sys.stderr.isatty() if progress is None else progress
    tell = tell or (partial(console.print, markup=False, soft_wrap=True) if shown else lambda line: None)
    if recipe is None and resume:
        check_format(folder)
        recipe = committed_file(folder, CONFIG)
    config, prepared = _with_prepared(resolve(recipe, data, overrides, init), data, overrides, prepared)
    config = as_begun(config, load_config(folder)) if resume else with_tokenisers_of_init(config)
    _check_out(folder, config, resume, overwrite)
    check_recipe(config, resume)
    _check_alone()
    on_screen = [ProgressBar(console), Samples(console), Health(console)] if shown else []
    looking_on = [*on_screen, *map(as_watcher, watchers)]
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    if resume:
        prepared = load_prepared(folder / DATA, "train anew with --overwrite")
    elif prepared is None:
        prepared = prepare(config, tell=tell, progress=bars)
    model, precision = _model(config, prepared)
    if not resume:
        begin(model, config.training, prepared.tokenisers, tell)
        config = _with_budget_found(config, model, prepared, precision, tell)
    standard: list[Watcher] = [MetricsFile(folder / "metrics.jsonl")]
    if config.training.tensorboard:
        standard.append(TensorBoard(folder / "tensorboard"))
    commands = folder / DATA / COMMANDS
    before = commands.read_text(encoding="utf-8") if resume and commands.is_file() else ""
    card = _Card(folder, config, prepared, before + command)
    if not resume:
        for old in _OF_A_RUN:
            shutil.rmtree(folder / old, ignore_errors=True)
        card.save(model, {"state": "untrained"}, {}, trained=False)
        save_prepared(folder / DATA, prepared)
        prepared = load_prepared(folder / DATA)  # from here on the ids stay on the disk
    commands.write_text(card.command + "\n", encoding="utf-8")
    result = run_loop(
        model,
        prepared.corpus,
        config.training,
        folder=folder,
        precision=precision,
        evaluate=Validator(prepared.validation, prepared.tokenisers, config),
        keep=lambda place, report: card.save_best(model, report, place),
        watchers=[*standard, *looking_on],
        resume=resume,
    )
    return Trained(folder, result)


def measure(
    recipe: Config | str | Path | None = None,
    data: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    init: str | Path | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    prepared: Prepared | str | Path | None = None,
    tell: Tell = lambda line: None,
) -> DryRun:
    """The facts of such a run, from a few steps on a copy of the model; nothing is written.

    Raises what `train` would.
    """
    config, prepared = _with_prepared(resolve(recipe, data, overrides, init), data, overrides, prepared)
    config = with_tokenisers_of_init(config)
    if out is not None:
        _check_out(Path(out), config, resume=False, overwrite=overwrite)
    check_recipe(config, resume=False)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    prepared = prepare(config, tell=tell) if prepared is None else prepared
    model, precision = _model(config, prepared)
    begin(model, config.training, prepared.tokenisers, tell)
    config = _with_budget_found(config, model, prepared, precision, tell)
    sizes = (len(prepared.tokenisers.source), len(prepared.tokenisers.target))
    return dry_run(model, prepared.corpus, config.training, precision, sizes)


def _with_prepared(
    config: Config,
    data: str | Path | Sequence[str | Path],
    overrides: Sequence[str],
    prepared: Prepared | str | Path | None,
) -> tuple[Config, Prepared | None]:
    """A recipe with the sections that the prepared data was made by, and that data."""
    if prepared is None:
        return config, None
    if data:
        raise ConfigError("train: expected data or prepared data, came both; leave one of them out")
    check_not_settled(overrides, ("--data.", "--tokeniser."), "the prepared data")
    if isinstance(prepared, str | Path):
        prepared = load_prepared(Path(prepared), "prepare it anew with `regard prepare`")
    made_by = prepared.config
    return replace(config, data=made_by.data, tokeniser=made_by.tokeniser), prepared


def _with_budget_found(
    config: Config, model: Seq2Seq, prepared: Prepared, precision: Precision, tell: Tell
) -> Config:
    """The recipe with a number for a token budget that is auto."""
    if config.training.batch_tokens != "auto":
        return config
    budget = find_batch_budget(model, prepared.corpus, config.training, precision)
    tell(f"batch: {budget}")
    return replace(config, training=replace(config.training, batch_tokens=budget.tokens))


def _check_out(folder: Path, config: Config, resume: bool, overwrite: bool) -> None:
    """Refuse to write over a run, and to resume another one."""
    begun = committed_file(folder, FORMAT).is_file()
    if resume:
        saved = load_config(folder)
        for section in ("data", "tokeniser", "model"):
            if _compared(saved, section) != _compared(config, section):
                raise ConfigError(
                    f"--resume: {section} differs from the run in {folder}; give the same recipe and options, "
                    "or none to take the run's own; only training and search may change"
                )
    elif config.training.init and Path(config.training.init).resolve() == folder.resolve():
        raise ConfigError(f"training.init: {folder} would be written over; choose another --out")
    elif begun and not overwrite:
        raise ConfigError(
            f"{folder} already holds a run: --resume goes on with it, --overwrite starts anew, "
            "--out FOLDER writes elsewhere"
        )
    elif folder.is_file() or (not begun and list_entries(folder)):
        raise ConfigError(f"{folder} is a file, or a folder of something else: choose another --out")
    elif list_entries(folder / DATA) and not is_prepared(folder / DATA, also=(COMMANDS,)):
        raise ConfigError(f"{folder / DATA} holds something else, which would be lost: choose another --out")


def _compared(config: Config, section: str) -> object:
    """A section without what changes nothing of what comes out."""
    return replace(config.data, cache=True) if section == "data" else getattr(config, section)


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
    width = config.model.decoder.hidden_size
    return model, choose_precision(config.training.precision, device, width, config.training.kernels)


@dataclass(frozen=True)
class _Card:
    """Writes the model folder with a card that says where the model stands."""

    folder: Path
    config: Config
    prepared: Prepared
    command: str

    def save_best(self, model: Seq2Seq, report: ValidationReport, folder: Path) -> None:
        """Keep the best model so far, or one of the best, in a folder."""
        result = report.result
        metrics = {
            "validation loss (nats a token)": f"{result.loss:.4f}",
            "validation BLEU (greedy)": f"{result.bleu:.2f}",
            "validation chrF (greedy)": f"{result.chrf:.2f}",
            "validation exact match % (greedy)": f"{result.exact_match:.2f}",
            "validation WER % (greedy; PER where words are phonemes)": f"{result.wer:.2f}",
            "validation CER % (greedy)": f"{result.cer:.2f}",
        }
        facts = {"step": f"{report.step:,}", "epoch": report.epoch}
        mean = {"weights": f"mean of the {report.averaged} best checkpoints"} if report.averaged else {}
        self.save(model, facts | mean, metrics, folder=folder)

    def save(
        self,
        model: Seq2Seq,
        facts: Mapping[str, object],
        metrics: Mapping[str, object],
        trained: bool = True,
        folder: Path | None = None,
    ) -> None:
        """Write the run's folder, or another, whole."""
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
        save_model(folder or self.folder, model, self.config, self.prepared.tokenisers, card, trained)
