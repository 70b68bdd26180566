"""Data made ready, and the folder it is kept in.

    FOLDER/
        prepared.json              what it was made from, how many pairs, and the SHA-256 of the other files
        config.yaml                the recipe; its data and tokeniser sections are what this folder was made by
        train.arrow                the training pairs as ids
        validation.json            the validation pairs as text
        source.tokeniser.json      text to tokens and back, one file a side
        target.tokeniser.json
        report.md                  for people: what was left out, lengths, unknown tokens

The folder appears when it is whole.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from regard import recipe_file
from regard.checkpoint import SOURCE_TOKENISER, TARGET_TOKENISER, Tokenisers, table
from regard.config import Config
from regard.data import Corpus, Tokeniser
from regard.data.sources import file_checksum
from regard.errors import ConfigError, DataError, ModelError
from regard.records.text import Pair

FORMAT = "regard prepared data 1"
CORPUS = "train.arrow"
VALIDATION = "validation.json"
FACTS = "prepared.json"
CONFIG = "config.yaml"
REPORT = "report.md"
_FILES = {CORPUS, VALIDATION, FACTS, CONFIG, REPORT, SOURCE_TOKENISER, TARGET_TOKENISER}


@dataclass(frozen=True)
class Report:
    """What was read, what became of it, and what it is like.

    `num_read` counts pairs by corpus, `left_out` and `changed` by what was done; `lengths` are of each side in
    tokens, END not counted: median, mean, 95 %, most; `unknown` is each side's share of unknown tokens in training,
    `num_tokens` each vocabulary's size, `kinds` each tokeniser's. `notes` are what a user should know.
    """

    num_read: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    num_training: int = 0
    num_validation: int = 0
    lengths: dict[str, dict[str, float]] = field(default_factory=dict)
    unknown: dict[str, float] = field(default_factory=dict)
    num_tokens: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Prepared:
    """Text made ready: the tokenisers, the training pairs as ids, the validation pairs as text.

    `origin` says where the pairs came from: files with their SHA-256, or the grammar with its seed. `config` is the
    recipe it was made by, of which the data and tokeniser sections count.
    """

    tokenisers: Tokenisers
    corpus: Corpus
    validation: tuple[Pair, ...]
    origin: dict[str, str]
    config: Config = field(default_factory=Config)
    report: Report = field(default_factory=Report)


def save_prepared(folder: Path, prepared: Prepared) -> None:
    """Write the folder, whole; what lies there is replaced."""
    with whole_folder(folder) as draft:
        prepared.corpus.save(draft / CORPUS)
        write_rest(draft, prepared)


def write_rest(folder: Path, prepared: Prepared) -> None:
    """Write all but the corpus, which lies in the folder already."""
    pairs = [(pair.source, pair.target) for pair in prepared.validation]
    content = json.dumps({"pairs": pairs}, ensure_ascii=False)
    (folder / VALIDATION).write_text(content, encoding="utf-8")
    prepared.tokenisers.source.save(folder / SOURCE_TOKENISER)
    prepared.tokenisers.target.save(folder / TARGET_TOKENISER)
    (folder / CONFIG).write_text(recipe_file.dump(prepared.config), encoding="utf-8")
    (folder / REPORT).write_text(render_report(prepared), encoding="utf-8")
    facts = {
        "format": FORMAT,
        "origin": prepared.origin,
        "report": asdict(prepared.report),
        "files": {file.name: file_checksum(file) for file in sorted(folder.iterdir())},
    }
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load_prepared(folder: Path, remedy: str = "prepare it anew") -> Prepared:
    """Read back what `save_prepared` kept. Raises ModelError, with the remedy, if it is not whole."""
    try:
        facts = _facts(folder)
        content = json.loads((folder / VALIDATION).read_text(encoding="utf-8"))
        config = recipe_file.load_saved(folder / CONFIG)
        source, target = (Tokeniser.load(folder / name) for name in (SOURCE_TOKENISER, TARGET_TOKENISER))
        one = config.tokeniser.shared and not source.reads_features
        corpus = Corpus.load(folder / CORPUS)
        corpus.check_ids(len(source), len(target))
        return Prepared(
            Tokenisers(source, source if one else target),
            corpus,
            tuple(Pair(source, target) for source, target in content["pairs"]),
            facts["origin"],
            config,
            Report(**facts["report"]),
        )
    except (OSError, ValueError, KeyError, TypeError, DataError, ModelError, ConfigError) as error:
        raise ModelError(f"{folder}: the prepared data cannot be read ({error}); {remedy}") from None


def is_prepared(folder: Path, also: Collection[str] = ()) -> bool:
    """Whether a folder holds prepared data, whole or not, and nothing else but files of these names."""
    return (folder / FACTS).is_file() and {file.name for file in folder.iterdir()} <= _FILES.union(also)


def is_intact(folder: Path) -> bool:
    """Whether every file is as it was written."""
    try:
        files: Mapping[str, str] = _facts(folder)["files"]
        return all(file_checksum(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, ModelError):
        return False


@contextmanager
def whole_folder(folder: Path, stays: Callable[[Path], bool] = lambda old: False) -> Iterator[Path]:
    """A folder to fill that takes its name when it is full, and leaves nothing if that fails.

    What lies there by then is replaced, unless `stays` says of it that it is as good; then the new one goes.
    """
    place = folder.absolute()
    draft = place.parent / f".{place.name}.{secrets.token_hex(8)}.draft"
    draft.mkdir(parents=True)
    try:
        yield draft
        if not stays(place):
            _put(draft, place, stays)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, place: Path, stays: Callable[[Path], bool]) -> None:
    """Give the draft its name; other processes may do the same at any instant."""
    aside = draft.with_suffix(".old")
    if place.is_dir():
        with suppress(FileNotFoundError):
            os.replace(place, aside)
    try:
        os.replace(draft, place)
    except OSError:
        if not stays(place):
            if aside.is_dir() and not place.exists():
                os.replace(aside, place)
            raise
    shutil.rmtree(aside, ignore_errors=True)


def render_report(prepared: Prepared) -> str:
    """What was prepared, as Markdown."""
    report = prepared.report
    sizes = {
        "pairs to train on": f"{report.num_training:,}",
        "pairs to validate on": f"{report.num_validation:,}",
    }
    counts = {name: f"{count:,}" for name, count in {**report.left_out, **report.changed}.items()}
    parts = [
        "# Prepared data",
        *(f"**{note}**" for note in report.notes),
        table("Pairs", sizes),
        table("Read", {name: f"{count:,}" for name, count in report.num_read.items()}),
        table("Left out, or changed", counts or {"nothing": ""}),
        _sides(report),
        table("Where from (SHA-256 of files)", prepared.origin),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if facts["format"] != FORMAT:
        raise ModelError(f"expected the format {FORMAT!r}, came {facts['format']!r}")
    return facts


def _sides(report: Report) -> str:
    cells: dict[str, Callable[[str], str]] = {
        "tokeniser": lambda side: report.kinds[side],
        "vocabulary": lambda side: f"{report.num_tokens[side]:,}",
        "unknown tokens": lambda side: f"{100 * report.unknown[side]:.2f} %",
    }
    for name in next(iter(report.lengths.values()), {}):
        cells[f"length: {name}"] = lambda side, name=name: f"{report.lengths[side][name]:.4g}"  # type: ignore[misc]
    sides = list(report.kinds)
    rows = "\n".join(f"| {name} | {' | '.join(map(cell, sides))} |" for name, cell in cells.items())
    return f"## Sides (lengths in tokens)\n\n| | {' | '.join(sides)} |\n|---|{'---:|' * len(sides)}\n{rows}"
