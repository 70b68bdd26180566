"""Two small models, trained once for the whole run of the tests, whatever the number of workers.

They see short sentences of the grammar: `attention` learns a little, `fixed_vector` next to nothing, but neither is
indifferent between tokens.
"""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

import regard
from regard.alignment import format_links
from regard.data.grammar import generate
from regard.records.text import Links, Pair

SMALL = (
    "--tokeniser.kind=words",
    "--model.embedding_size=16",
    "--model.encoder.cell=gru",
    "--model.encoder.hidden_size=16",
    "--model.decoder.cell=gru",
    "--model.decoder.hidden_size=32",
    "--training.batch_tokens=300",
    "--training.learning_rate=0.01",
    "--training.validation_sentences=20",
    "--training.device=cpu",
    "--training.threads=1",
    "--training.precision=float32",
)
ATTENTION = ("--model.decoder.name=luong", "--model.attention.score=general", "--model.dropout=0")
FIXED_VECTOR = ("--model.decoder.name=plain", "--model.attention.score=none")
COMMAND = "regard train of the tests"


class Trained(NamedTuple):
    """Paths of the training files, the test files with gold links, and the two model folders."""

    train: tuple[Path, Path]
    test: tuple[Path, Path, Path]
    attention: Path
    fixed_vector: Path


def trained(factory: pytest.TempPathFactory) -> Trained:
    """Return the two models, trained by the worker that asks first."""
    shared = factory.getbasetemp()
    if shared.name.startswith("popen-"):  # a worker of pytest-xdist
        shared = shared.parent
    folder = shared / "trained"
    folder.mkdir(exist_ok=True)
    paths = Trained(
        (folder / "train.de", folder / "train.en"),
        (folder / "test.de", folder / "test.en", folder / "test.links"),
        folder / "attention",
        folder / "fixed_vector",
    )
    with _locked(folder):
        if not (folder / "done").exists():
            _train(paths)
            (folder / "done").touch()
    return paths


def unseen_pairs(num_pairs: int = 60) -> list[Pair]:
    """Generate pairs of up to twelve words that the models were not trained on."""
    return list(generate(num_pairs, 3, split="test", length=(2, 12)))


def known_sentences(num_sentences: int) -> list[str]:
    """Generate unseen sentences of words that the models know."""
    counts = Counter(word for pair in _training_pairs() for word in pair.source.split())
    known = {word for word, count in counts.items() if count > 1}
    unseen = (pair.source for pair in unseen_pairs(40 * num_sentences))
    return [sentence for sentence in unseen if known.issuperset(sentence.split())][:num_sentences]


def write_pairs(pairs: list[Pair], source: Path, target: Path, links: Path | None = None) -> None:
    """Write pairs, and their links if a file is named for them, as line-parallel files."""
    source.write_text("".join(f"{pair.source}\n" for pair in pairs), encoding="utf-8")
    target.write_text("".join(f"{pair.target}\n" for pair in pairs), encoding="utf-8")
    if links is not None:
        lines = [format_links(pair.links or Links()) + "\n" for pair in pairs]
        links.write_text("".join(lines), encoding="utf-8")


def _training_pairs() -> list[Pair]:
    return list(generate(500, 5, length=(2, 10)))


def _train(paths: Trained) -> None:
    torch.set_num_threads(1)
    write_pairs(_training_pairs(), *paths.train)
    write_pairs(unseen_pairs(), *paths.test)
    files = [str(file) for file in paths.train]
    end = ["--training.epochs=0", "--training.max_steps=60", "--training.validate_every=60"]
    regard.train(None, files, out=paths.attention, overrides=[*SMALL, *ATTENTION, *end], command=COMMAND)
    end = ["--training.epochs=0", "--training.max_steps=10", "--training.validate_every=10"]
    regard.train(None, files, out=paths.fixed_vector, overrides=[*SMALL, *FIXED_VECTOR, *end])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Admit one process at a time; the system releases the lock if its holder dies."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
