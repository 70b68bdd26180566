"""From a recipe to a model folder: prepare the data, build the model, train it, keep the best."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from regard.build import build_model
from regard.checkpoint import load_config
from regard.config import Config
from regard.errors import ConfigError
from regard.model import Seq2Seq
from regard.training.batch_budget import find_batch_budget
from regard.training.dry_run import DryRun, measure_dry_run
from regard.training.initial_weights import initialise_weights
from regard.training.loop import run_loop
from regard.training.pairs import Log, StartProgress, no_progress
from regard.training.precision import Precision, choose_device, choose_precision
from regard.training.preparation import prepare
from regard.training.prepared import Prepared, load_prepared, save_prepared
from regard.training.recipe import (
    check_recipe,
    reject_overrides,
    resolve,
    with_pretrained_tokenisers,
    with_resolved_settings,
)
from regard.training.reports import TrainingResult
from regard.training.run_folder import (
    DATA,
    METRICS,
    TENSORBOARD,
    ModelWriter,
    check_output_folder,
    delete_previous_run,
    previous_commands,
    save_commands,
)
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

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Trained:
    """A finished training: how it ended, and the folder of the best model."""

    folder: Path
    result: TrainingResult

    def translator(self) -> Translator:
        """Load the best model, ready to translate."""
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
    log: Log | None = None,
    start_progress: StartProgress = no_progress,
    command: str = "regard.train(...)",
) -> Trained:
    """Train a model and leave it in the folder `out`, ready for `regard.load(out)`.

    `recipe` is a Config, a YAML file or the name of a packaged recipe; `overrides` change it like the command
    line's `--model.dropout=0.3`, with or without dashes; `data` are training files in place of the recipe's.
    `init` is a trained model to start from: its weights, its tokenisers and, if no recipe is given, its recipe
    except for the data. `resume` continues the run in `out`, bit for bit, by its own recipe if none is given;
    `overwrite` starts anew in the folder of an old run. `prepared` is prepared data or its folder, whose data and
    tokeniser sections then replace the recipe's.

    `watchers` observe the run and may stop it. A function is enough: it is called with a `StepReport` after each
    step and a `ValidationReport` after each validation, and stops the run by returning a reason in words, or True:

        def good_enough(report):
            if hasattr(report, "result") and report.result.bleu > 30:
                return "BLEU is above 30"

        regard.train("luong2015", ["train.de", "train.en"], watchers=[good_enough])

    `progress` shows a progress bar, samples and the health of the attention on standard error; None: if that is a
    terminal. `log` and `start_progress` are those of `prepare`; without `log`, its lines go to standard error if
    progress is shown.

    Raises ConfigError, DataError or ModelError for what cannot work, before anything is written.
    """
    folder = Path(out)
    console = _stderr_console() if (sys.stderr.isatty() if progress is None else progress) else None
    log = log or _log_to(console)
    config = resolve(recipe, data, overrides, init, resumed=folder if resume else None)
    config, prepared = _with_prepared(config, data, overrides, prepared)
    config = (
        with_resolved_settings(config, load_config(folder)) if resume else with_pretrained_tokenisers(config)
    )
    check_output_folder(folder, config, resume, overwrite)
    check_recipe(config, resume)
    _check_single_process()
    observers = [*_terminal_watchers(console), *map(as_watcher, watchers)]
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    if resume:
        prepared = load_prepared(folder / DATA, "train anew with --overwrite")
    elif prepared is None:
        prepared = prepare(config, log=log, start_progress=start_progress)
    model, precision = _build(config, prepared)
    if not resume:
        initialise_weights(model, config.training, prepared.tokenisers, log)
        config = _with_batch_budget(config, model, prepared, precision, log)
    recorders = _file_watchers(config, folder)
    commands = (previous_commands(folder) if resume else "") + command
    writer = ModelWriter(folder, config, prepared, commands)
    if not resume:
        delete_previous_run(folder)
        writer.save_untrained(model)
        save_prepared(folder / DATA, prepared)
        prepared = load_prepared(folder / DATA)  # from here on the ids stay on disk
    save_commands(folder, commands)
    result = run_loop(
        model,
        prepared.corpus,
        config.training,
        folder=folder,
        precision=precision,
        evaluate=Validator(prepared.validation, prepared.tokenisers, config),
        save_model=partial(writer.save_validated, model),
        watchers=[*recorders, *observers],
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
    log: Log = lambda line: None,
) -> DryRun:
    """Return what such a training would take, from a few steps on a copy of the model; nothing is written.

    Raises what `train` would.
    """
    config, prepared = _with_prepared(resolve(recipe, data, overrides, init), data, overrides, prepared)
    config = with_pretrained_tokenisers(config)
    if out is not None:
        check_output_folder(Path(out), config, resume=False, overwrite=overwrite)
    check_recipe(config, resume=False)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    prepared = prepare(config, log=log) if prepared is None else prepared
    model, precision = _build(config, prepared)
    initialise_weights(model, config.training, prepared.tokenisers, log)
    config = _with_batch_budget(config, model, prepared, precision, log)
    sizes = (len(prepared.tokenisers.source), len(prepared.tokenisers.target))
    return measure_dry_run(model, prepared.corpus, config.training, precision, sizes)


def _stderr_console() -> Console:
    from rich.console import Console  # not needed by a run that shows nothing

    return Console(stderr=True, highlight=False)


def _log_to(console: Console | None) -> Log:
    return (lambda line: None) if console is None else partial(console.print, markup=False, soft_wrap=True)


def _terminal_watchers(console: Console | None) -> list[Watcher]:
    return [] if console is None else [ProgressBar(console), Samples(console), Health(console)]


def _file_watchers(config: Config, folder: Path) -> list[Watcher]:
    watchers: list[Watcher] = [MetricsFile(folder / METRICS)]
    return [*watchers, TensorBoard(folder / TENSORBOARD)] if config.training.tensorboard else watchers


def _with_prepared(
    config: Config,
    data: str | Path | Sequence[str | Path],
    overrides: Sequence[str],
    prepared: Prepared | str | Path | None,
) -> tuple[Config, Prepared | None]:
    """Return the recipe with the sections that determined the prepared data, and that data, loaded."""
    if prepared is None:
        return config, None
    if data:
        raise ConfigError("train: expected data or prepared data, got both; leave one of them out")
    reject_overrides(overrides, ("--data.", "--tokeniser."), "the prepared data")
    if isinstance(prepared, str | Path):
        prepared = load_prepared(Path(prepared), "prepare it anew with `regard prepare`")
    return replace(config, data=prepared.config.data, tokeniser=prepared.config.tokeniser), prepared


def _with_batch_budget(
    config: Config, model: Seq2Seq, prepared: Prepared, precision: Precision, log: Log
) -> Config:
    """Return the recipe with a number in place of an automatic token budget."""
    if config.training.batch_tokens != "auto":
        return config
    budget = find_batch_budget(model, prepared.corpus, config.training, precision)
    log(f"batch: {budget}")
    return replace(config, training=replace(config.training, batch_tokens=budget.tokens))


def _check_single_process() -> None:
    """Refuse to be one of several ranks: their runs would overwrite each other."""
    ranks = os.environ.get("WORLD_SIZE", "1")
    if ranks != "1":
        raise ConfigError(
            f"train: started as one of {ranks} ranks (WORLD_SIZE), but it trains on one device: start it alone"
        )


def _build(config: Config, prepared: Prepared) -> tuple[Seq2Seq, Precision]:
    """Build the model with initial weights from the recipe's seed, and choose the precision to train it in."""
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
