"""The model folder: weights, configuration and tokenisers, whole or not at all.

    runs/NAME/                     the best model so far, ready for `regard translate runs/NAME`
        format.json                the version of this layout
        config.yaml                the exact recipe
        model.safetensors          the weights
        source.tokeniser.json      text to tokens and back, one file a side
        target.tokeniser.json
        README.md                  the model card
        last/                      the training state that a resumed run reads (regard.training.state)

Nothing is ever unpickled. A save is prepared in `.draft/`, flushed to disk, and takes effect by one rename to
`.ready/`; from there the files move into place. Whoever reads looks into `.ready/` first, so a process killed
at any instant leaves either the old files or the new ones, never a mixture.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model as load_weights
from safetensors.torch import save_model as save_weights
from torch import nn

from regard import recipe_file
from regard.build import build_model
from regard.config import Config
from regard.data.tokeniser import Tokeniser
from regard.errors import ConfigError, ModelError
from regard.model import Seq2Seq

FORMAT_VERSION = 1
FORMAT = "format.json"
CONFIG = "config.yaml"
WEIGHTS = "model.safetensors"
SOURCE_TOKENISER = "source.tokeniser.json"
TARGET_TOKENISER = "target.tokeniser.json"
CARD = "README.md"


@dataclass(frozen=True)
class Tokenisers:
    """The tokeniser of each side; the same object twice where the vocabulary is shared."""

    source: Tokeniser
    target: Tokeniser

    def tokens(self) -> dict[str, list[str]]:
        """The whole vocabulary of each side, by its name."""
        sides = {"source": self.source, "target": self.target}
        return {name: side.tokens(range(len(side))) for name, side in sides.items()}


@dataclass(frozen=True)
class ModelCard:
    """What the README of a model folder says beside versions and recipe.

    `data` maps each data file (or other origin) to its checksum or description, `facts` and `metrics` are lines
    of two tables; `command` is what was typed.
    """

    name: str
    command: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedModel:
    """A model folder in memory: the model in eval mode, its recipe and its tokenisers."""

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
    """Write a model folder, or replace the model in one, whole or not at all; other files in it stay.

    One that is not `trained` yet holds all that resuming needs, but `load_model` refuses it.
    """

    def write(draft: Path) -> None:
        save_weights(model, str(draft / WEIGHTS))
        (draft / CONFIG).write_text(recipe_file.dump(config), encoding="utf-8")
        tokenisers.source.save(draft / SOURCE_TOKENISER)
        tokenisers.target.save(draft / TARGET_TOKENISER)
        (draft / CARD).write_text(render_card(card, folder), encoding="utf-8")
        said = {"format": FORMAT_VERSION, "trained": trained}
        (draft / FORMAT).write_text(json.dumps(said) + "\n", encoding="utf-8")

    write_whole(folder, write)


def load_model(folder: Path | str, device: torch.device | str = "cpu") -> SavedModel:
    """Read a model folder; the model comes in eval mode on `device`.

    Raises ModelError if the folder or a file is missing or broken, of another format version, if the weights
    do not fit the recipe, or if training has not come to its first validation.
    """
    folder = Path(folder)
    if not check_format(folder):
        raise ModelError(
            f"{folder}: no trained model yet, training has not come to its first validation; "
            f"go on with `regard train --out {folder} --resume`"
        )
    config, tokenisers = load_config(folder), load_tokenisers(folder)
    model = build_model(
        config.model,
        len(tokenisers.source),
        len(tokenisers.target),
        shared_vocabulary=config.tokeniser.shared,
        label_smoothing=config.training.label_smoothing,
    )
    read_weights(model, _existing(folder, WEIGHTS))
    return SavedModel(model.to(device).eval(), config, tokenisers)


def load_config(folder: Path | str) -> Config:
    """The recipe of a model folder. Raises ModelError if the folder is not whole."""
    folder = Path(folder)
    check_format(folder)
    try:
        return recipe_file.load_saved(_existing(folder, CONFIG))
    except ConfigError as error:
        raise ModelError(f"{error}; copy the folder again, whole") from None


def load_tokenisers(folder: Path | str) -> Tokenisers:
    """The tokenisers of a model folder. Raises ModelError if the folder is not whole."""
    folder = Path(folder)
    check_format(folder)
    return Tokenisers(
        Tokeniser.load(_existing(folder, SOURCE_TOKENISER)),
        Tokeniser.load(_existing(folder, TARGET_TOKENISER)),
    )


def check_format(folder: Path) -> bool:
    """Whether the model in the folder is trained; ModelError unless it is one of the version that we read."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder; train one with `regard train` or check the path")
    file = whole_file(folder, FORMAT)
    if not file.is_file():
        raise ModelError(
            f"{folder}: not a model folder, it has no {FORMAT}; give the folder that training wrote"
        )
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        found, trained = said["format"], bool(said.get("trained", True))
    except (ValueError, KeyError, TypeError):
        raise ModelError(
            f'{file}: broken, expected {{"format": {FORMAT_VERSION}}}; copy the folder again'
        ) from None
    if found != FORMAT_VERSION:
        raise ModelError(
            f"{folder}: model format {found}, but this regard {version('regard')} reads format {FORMAT_VERSION}; "
            "use the regard that wrote it, or a newer one"
        )
    return trained


def read_weights(model: nn.Module, file: Path) -> None:
    """Fill a model from a safetensors file. Raises ModelError if the file is broken or does not fit the model."""
    try:
        load_weights(model, str(file))
    except SafetensorError as error:
        raise ModelError(f"{file}: broken weights ({error}); copy the folder again or train anew") from None
    except RuntimeError as error:
        what = " ".join(str(error).split()).split(": ", 1)[-1]
        raise ModelError(
            f"{file}: the weights do not fit the recipe beside them ({what}); "
            f"restore the {CONFIG} and tokenisers they were trained with"
        ) from None


def write_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Replace the files that `write` puts into the folder it is given: all of them take effect, or none.

    Files of `folder` that `write` does not write stay as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _move_into_place(folder)
    draft = folder / ".draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    write(draft)
    for file in draft.iterdir():
        file.chmod(_usual_mode())  # safetensors lets only the owner read
        _flush(file)
    _flush(draft)
    os.replace(draft, folder / ".ready")  # from here on the new files count, moved or not
    _flush(folder)
    _move_into_place(folder)


def holds_files(folder: Path) -> bool:
    """Whether a folder holds more than what a first save that was killed may have left."""
    return folder.is_dir() and any(file.name not in (".draft", ".ready") for file in folder.iterdir())


def whole_file(folder: Path, name: str) -> Path:
    """Where the newest whole version of a file written by `write_whole` lies."""
    waiting = folder / ".ready" / name
    return waiting if waiting.is_file() else folder / name


def render_card(card: ModelCard, folder: Path) -> str:
    """The model card as Markdown: what it is, how to use it, what it was made from and with."""
    used = {"regard": version("regard"), "torch": torch.__version__, "python": platform.python_version()}
    parts = [
        "---\nlibrary_name: regard\n---",
        f"# {card.name}",
        "A sequence-to-sequence model with attention, trained with `regard`. "
        f"`{CONFIG}` holds the whole recipe, `{WEIGHTS}` the weights.",
        f"## Use\n\n```sh\nregard translate {folder} < input.txt\n```\n\n"
        f'```python\nimport regard\n\nprint(regard.load("{folder}").translate("…").text)\n```',
        table("Results", card.metrics),
        table("Training", card.facts),
        f"Command:\n\n```sh\n{card.command}\n```" if card.command else "",
        table("Data (SHA-256 of files)", card.data),
        table("Versions", used),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(title: str, lines: Mapping[str, object]) -> str:
    """A heading and a Markdown table of names and values; nothing where there are no lines."""
    if not lines:
        return ""
    rows = "\n".join(f"| {name} | {value} |" for name, value in lines.items())
    return f"## {title}\n\n| | |\n|---|---|\n{rows}"


def _existing(folder: Path, name: str) -> Path:
    file = whole_file(folder, name)
    if not file.is_file():
        raise ModelError(f"{folder}: {name} is missing from the model folder; copy the folder again, whole")
    return file


def _move_into_place(folder: Path) -> None:
    """Finish a save that has taken effect: move what waits in `.ready/` over the old files."""
    ready = folder / ".ready"
    if not ready.is_dir():
        return
    for file in sorted(ready.iterdir()):
        os.replace(file, folder / file.name)
    _flush(folder)
    ready.rmdir()


def _usual_mode() -> int:
    """The permissions that a new file gets from the user's umask."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush(path: Path) -> None:
    """Have a file, or the entries of a folder, written to the disk now."""
    if path.is_dir() and os.name != "posix":  # only POSIX systems can open a folder
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
