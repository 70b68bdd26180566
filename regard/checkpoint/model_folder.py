"""Save and load a model folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model as load_weights
from safetensors.torch import save_model as save_weights
from torch import nn

from regard import recipe_file
from regard.atomic_writes import atomic_update, committed_file
from regard.build import build_model
from regard.checkpoint.layout import (
    CARD,
    CONFIG,
    FORMAT,
    FORMAT_VERSION,
    SOURCE_TOKENISER,
    TARGET_TOKENISER,
    WEIGHTS,
)
from regard.checkpoint.model_card import ModelCard, render_card
from regard.config import Config
from regard.data.tokeniser import Tokeniser
from regard.errors import ConfigError, ModelError
from regard.model import Seq2Seq


@dataclass(frozen=True)
class Tokenisers:
    """The tokeniser of each side; the same object twice if the vocabulary is shared."""

    source: Tokeniser
    target: Tokeniser

    def tokens(self) -> dict[str, list[str]]:
        """Return the whole vocabulary of each side, `source` and `target`."""
        sides = {"source": self.source, "target": self.target}
        return {name: side.tokens(range(len(side))) for name, side in sides.items()}


@dataclass(frozen=True)
class SavedModel:
    """The contents of a model folder: the model in eval mode, its recipe and its tokenisers."""

    model: Seq2Seq
    config: Config
    tokenisers: Tokenisers


def save_model(
    folder: Path,
    model: nn.Module,
    config: Config,
    tokenisers: Tokenisers,
    card: ModelCard,
    trained: bool = True,
) -> None:
    """Write a model folder, or replace the model in one, atomically; other files in the folder stay.

    A model that is not `trained` yet is saved with all that resuming needs, but `load_model` refuses it.
    """
    with atomic_update(folder) as draft:
        save_weights(model, str(draft / WEIGHTS))
        (draft / CONFIG).write_text(recipe_file.dump(config), encoding="utf-8")
        tokenisers.source.save(draft / SOURCE_TOKENISER)
        tokenisers.target.save(draft / TARGET_TOKENISER)
        (draft / CARD).write_text(render_card(card, folder), encoding="utf-8")
        content = {"format": FORMAT_VERSION, "trained": trained}
        (draft / FORMAT).write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_model(folder: Path | str, device: torch.device | str = "cpu") -> SavedModel:
    """Load a model folder; the model is in eval mode on `device`.

    Raises ModelError if the folder or a file is missing, broken or of another format version, if the weights do not
    fit the recipe, or if training has not reached its first validation.
    """
    folder = Path(folder)
    if not check_format(folder):
        raise ModelError(
            f"{folder}: no trained model yet, training has not reached its first validation; "
            f"resume it with `regard train --out {folder} --resume`"
        )
    config, tokenisers = load_config(folder), load_tokenisers(folder)
    model = build_model(
        config.model,
        len(tokenisers.source),
        len(tokenisers.target),
        shared_vocabulary=config.tokeniser.shared,
        label_smoothing=config.training.label_smoothing,
    )
    read_weights(model, _existing_file(folder, WEIGHTS))
    return SavedModel(model.to(device).eval(), config, tokenisers)


def load_config(folder: Path | str) -> Config:
    """Load the recipe of a model folder. Raises ModelError if the folder is incomplete."""
    folder = Path(folder)
    check_format(folder)
    try:
        return recipe_file.load_saved(_existing_file(folder, CONFIG))
    except ConfigError as error:
        raise ModelError(f"{error}; copy the whole folder again") from None


def load_tokenisers(folder: Path | str) -> Tokenisers:
    """Load the tokenisers of a model folder. Raises ModelError if the folder is incomplete."""
    folder = Path(folder)
    check_format(folder)
    return Tokenisers(
        Tokeniser.load(_existing_file(folder, SOURCE_TOKENISER)),
        Tokeniser.load(_existing_file(folder, TARGET_TOKENISER)),
    )


def check_format(folder: Path) -> bool:
    """Return whether the model in a folder is trained. Raises ModelError unless the folder has our format version."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder; train one with `regard train` or check the path")
    file = committed_file(folder, FORMAT)
    if not file.is_file():
        raise ModelError(
            f"{folder}: not a model folder, it has no {FORMAT}; give the folder that training wrote"
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        format_version, trained = content["format"], bool(content.get("trained", True))
    except (ValueError, KeyError, TypeError):
        raise ModelError(
            f'{file}: broken, expected {{"format": {FORMAT_VERSION}}}; copy the folder again'
        ) from None
    if format_version != FORMAT_VERSION:
        raise ModelError(
            f"{folder}: model format {format_version}, but this regard {version('regard')} reads format "
            f"{FORMAT_VERSION}; use the regard that wrote it, or a newer one"
        )
    return trained


def read_weights(model: nn.Module, file: Path) -> None:
    """Load weights from a safetensors file into a model. Raises ModelError if the file is broken or does not fit."""
    try:
        load_weights(model, str(file))
    except SafetensorError as error:
        raise ModelError(f"{file}: broken weights ({error}); copy the folder again or train anew") from None
    except RuntimeError as error:
        mismatch = " ".join(str(error).split()).split(": ", 1)[-1]
        raise ModelError(
            f"{file}: the weights do not fit the recipe beside them ({mismatch}); "
            f"restore the {CONFIG} and tokenisers they were trained with"
        ) from None


def _existing_file(folder: Path, name: str) -> Path:
    file = committed_file(folder, name)
    if not file.is_file():
        raise ModelError(f"{folder}: {name} is missing from the model folder; copy the whole folder again")
    return file
