"""The folder of a run: what it may hold when the run begins, and the model in it with its card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from regard.atomic_writes import atomic_text, committed_file, list_entries
from regard.checkpoint import FORMAT, ModelCard, load_config, save_model
from regard.config import Config
from regard.errors import ConfigError
from regard.model import Seq2Seq
from regard.training.best_checkpoints import CHECKPOINTS
from regard.training.loop import LAST
from regard.training.prepared import Prepared, is_prepared
from regard.training.reports import ValidationReport

DATA = "data"
COMMANDS = "commands.txt"
METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"


def check_output_folder(folder: Path, config: Config, resume: bool, overwrite: bool) -> None:
    """Raise ConfigError rather than write over a run or other files, or resume a different run."""
    holds_run = committed_file(folder, FORMAT).is_file()
    if resume:
        _check_same_run(folder, load_config(folder), config)
    elif config.training.init and Path(config.training.init).resolve() == folder.resolve():
        raise ConfigError(f"training.init: {folder} would be overwritten; choose another --out")
    elif holds_run and not overwrite:
        raise ConfigError(
            f"{folder} already holds a run: --resume continues it, --overwrite starts anew, "
            "--out FOLDER writes elsewhere"
        )
    elif folder.is_file() or (not holds_run and list_entries(folder)):
        raise ConfigError(f"{folder} is a file, or a folder of something else: choose another --out")
    elif list_entries(folder / DATA) and not is_prepared(folder / DATA, also=(COMMANDS,)):
        raise ConfigError(f"{folder / DATA} holds something else, which would be lost: choose another --out")


def _check_same_run(folder: Path, saved: Config, config: Config) -> None:
    saved, config = (replace(each, data=replace(each.data, cache=True)) for each in (saved, config))
    for section in ("data", "tokeniser", "model"):
        if getattr(saved, section) != getattr(config, section):
            raise ConfigError(
                f"--resume: {section} differs from the run in {folder}; give the same recipe and options, "
                "or none to use the run's own; only training and search may change"
            )


def delete_previous_run(folder: Path) -> None:
    """Delete what must not be resumed or shown once another run begins in the folder."""
    for name in (LAST, CHECKPOINTS, TENSORBOARD):
        shutil.rmtree(folder / name, ignore_errors=True)


def previous_commands(folder: Path) -> str:
    """Return the commands that the run in a folder was started and resumed with, one per line."""
    file = folder / DATA / COMMANDS
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def save_commands(folder: Path, commands: str) -> None:
    """Write the commands of a run, one per line, where `previous_commands` finds them."""
    with atomic_text(folder / DATA / COMMANDS, draft_folder=folder) as write:
        write(commands + "\n")


@dataclass(frozen=True)
class ModelWriter:
    """Writes the model folder of a run, with a card that says how good the model is and how it was made."""

    folder: Path
    config: Config
    prepared: Prepared
    command: str

    def save_untrained(self, model: Seq2Seq) -> None:
        """Write the folder before the first step, with everything that resuming needs."""
        self._save(self.folder, model, {"state": "untrained"}, {}, trained=False)

    def save_validated(self, model: Seq2Seq, folder: Path, report: ValidationReport) -> None:
        """Write a model, one of the best so far, and its validation into the run's folder or another one."""
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
        self._save(folder, model, facts | mean, metrics)

    def _save(
        self,
        folder: Path,
        model: Seq2Seq,
        facts: Mapping[str, object],
        metrics: Mapping[str, object],
        trained: bool = True,
    ) -> None:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        sizes = {"parameters": f"{parameters:,}", "training pairs": f"{len(self.prepared.corpus):,}"}
        report = self.prepared.report
        counts = {**report.left_out, **report.changed}
        cleaned = {f"pairs: {reason}": f"{count:,}" for reason, count in counts.items()}
        card = ModelCard(
            name=self.folder.name,
            command=self.command,
            data=self.prepared.origin,
            facts={**sizes, **cleaned, **facts},
            metrics=metrics,
        )
        save_model(folder, model, self.config, self.prepared.tokenisers, card, trained)
