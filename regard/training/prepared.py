"""Prepared data: corpora cleaned, tokenised and encoded, in a folder.

    FOLDER/
        prepared.json              its origin, the report as JSON, and the SHA-256 of the other files
        config.yaml                the recipe; its data and tokeniser sections are those it was prepared by
        train.arrow                the training pairs as ids
        validation.json            the validation pairs as text
        source.tokeniser.json      text to tokens and back, one file a side
        target.tokeniser.json
        report.md                  for people: what was left out, lengths, unknown tokens

The folder is written atomically.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from regard import recipe_file
from regard.atomic_writes import atomic_folder
from regard.checkpoint import SOURCE_TOKENISER, TARGET_TOKENISER, Tokenisers
from regard.config import Config
from regard.data import Corpus, Tokeniser
from regard.data.sources import file_checksum
from regard.errors import ConfigError, DataError, ModelError
from regard.records.text import Pair
from regard.training.preparation_report import PreparationReport, render_preparation_report

FORMAT = "regard prepared data 1"
CORPUS = "train.arrow"
VALIDATION = "validation.json"
MANIFEST = "prepared.json"
CONFIG = "config.yaml"
REPORT = "report.md"
_RENAMED = {"num_pieces": "num_tokens"}  # keys of the report in earlier versions
_FILES = {CORPUS, VALIDATION, MANIFEST, CONFIG, REPORT, SOURCE_TOKENISER, TARGET_TOKENISER}


@dataclass(frozen=True)
class Prepared:
    """Data ready for training: the tokenisers, the training pairs as ids, the validation pairs as text.

    `origin` maps each file that the pairs came from to its SHA-256, or the grammar to its seed. `config` is the
    recipe that the data was prepared by; only its data and tokeniser sections matter.
    """

    tokenisers: Tokenisers
    corpus: Corpus
    validation: tuple[Pair, ...]
    origin: dict[str, str]
    config: Config = field(default_factory=Config)
    report: PreparationReport = field(default_factory=PreparationReport)


def save_prepared(folder: Path, prepared: Prepared) -> None:
    """Write a folder of prepared data atomically, replacing whatever has its name."""
    with atomic_folder(folder) as draft:
        prepared.corpus.save(draft / CORPUS)
        write_all_but_corpus(draft, prepared)


def write_all_but_corpus(folder: Path, prepared: Prepared) -> None:
    """Write all files but the corpus, which must be in the folder already."""
    pairs = [(pair.source, pair.target) for pair in prepared.validation]
    content = json.dumps({"pairs": pairs}, ensure_ascii=False)
    (folder / VALIDATION).write_text(content, encoding="utf-8")
    prepared.tokenisers.source.save(folder / SOURCE_TOKENISER)
    prepared.tokenisers.target.save(folder / TARGET_TOKENISER)
    (folder / CONFIG).write_text(recipe_file.dump(prepared.config), encoding="utf-8")
    report = render_preparation_report(prepared.report, prepared.origin)
    (folder / REPORT).write_text(report, encoding="utf-8")
    manifest = {
        "format": FORMAT,
        "origin": prepared.origin,
        "report": asdict(prepared.report),
        "files": {file.name: file_checksum(file) for file in sorted(folder.iterdir())},
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def load_prepared(folder: Path, remedy: str = "prepare it anew") -> Prepared:
    """Load a folder of prepared data. Raises ModelError, which ends in `remedy`, if the folder is incomplete."""
    try:
        manifest = _read_manifest(folder)
        content = json.loads((folder / VALIDATION).read_text(encoding="utf-8"))
        config = recipe_file.load_saved(folder / CONFIG)
        source, target = (Tokeniser.load(folder / name) for name in (SOURCE_TOKENISER, TARGET_TOKENISER))
        is_shared = config.tokeniser.shared and not source.reads_features
        corpus = Corpus.load(folder / CORPUS)
        corpus.check_ids(len(source), len(target))
        return Prepared(
            Tokenisers(source, source if is_shared else target),
            corpus,
            tuple(Pair(source, target) for source, target in content["pairs"]),
            manifest["origin"],
            config,
            PreparationReport(**{_RENAMED.get(key, key): value for key, value in manifest["report"].items()}),
        )
    except (OSError, ValueError, KeyError, TypeError, DataError, ModelError, ConfigError) as error:
        raise ModelError(f"{folder}: the prepared data cannot be read ({error}); {remedy}") from None


def is_prepared(folder: Path, also: Collection[str] = ()) -> bool:
    """Whether a folder holds prepared data, complete or not, and no other files but those named in `also`."""
    return (folder / MANIFEST).is_file() and {file.name for file in folder.iterdir()} <= _FILES.union(also)


def is_intact(folder: Path) -> bool:
    """Whether every file has the checksum that it was written with."""
    try:
        files: Mapping[str, str] = _read_manifest(folder)["files"]
        return all(file_checksum(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, ModelError):
        return False


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise ModelError(f"expected the format {FORMAT!r}, got {manifest['format']!r}")
    return manifest
