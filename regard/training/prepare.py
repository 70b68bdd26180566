"""From text to what the loop needs: tokenisers, ids, validation pairs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from regard.checkpoint import Tokenisers, checksum, load_tokenisers
from regard.config import Config, DataConfig
from regard.data import Corpus, Tokeniser, read_pairs
from regard.data.grammar import generate
from regard.errors import DataError, ModelError
from regard.records import Pair

CORPUS = "train.arrow"
VALIDATION = "validation.json"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """Text made ready: the tokenisers, the training pairs as ids, the validation pairs as text.

    `origin` says where the pairs came from: files with their SHA-256, or the grammar with its seed.
    """

    tokenisers: Tokenisers
    corpus: Corpus
    validation: tuple[Pair, ...]
    origin: dict[str, str]


def prepare(config: Config, tell: Tell = lambda line: None) -> Prepared:
    """Read the pairs, learn the tokenisers on the training side, turn text into ids.

    Raises DataError, naming file and line, for text that cannot be read or leaves nothing to train on.
    """
    data = _Pairs(config.data)
    tokenisers = _learn(config, data)
    tell(
        f"tokenisers: {config.tokeniser.kind}, {len(tokenisers.source):,} source and "
        f"{len(tokenisers.target):,} target pieces"
    )
    corpus = Corpus.encode(data.training(), tokenisers.source, tokenisers.target, config.data.max_pieces)
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in corpus.left_out.items() if count)
    tell(
        f"pairs: {len(corpus):,} to train on, {len(data.validation):,} to validate on"
        + (f"; left out: {left_out}" if left_out else "")
    )
    return Prepared(tokenisers, corpus, data.validation, data.origin())


def save_prepared(folder: Path, prepared: Prepared) -> None:
    """Keep ids and validation pairs in a folder, so that a resumed run sees the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    prepared.corpus.save(folder / CORPUS)
    pairs = [(pair.source, pair.target) for pair in prepared.validation]
    content = {"origin": prepared.origin, "pairs": pairs}
    (folder / VALIDATION).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def load_prepared(model_folder: Path, folder: Path) -> Prepared:
    """Read back what `save_prepared` kept; the tokenisers are the model's. Raises ModelError if it is not whole."""
    try:
        content = json.loads((folder / VALIDATION).read_text(encoding="utf-8"))
        corpus = Corpus.load(folder / CORPUS)
    except (OSError, ValueError, DataError) as error:
        raise ModelError(
            f"{folder}: the data of this run cannot be read ({error}); train anew with --overwrite"
        ) from None
    pairs = tuple(Pair(source, target) for source, target in content["pairs"])
    return Prepared(load_tokenisers(model_folder), corpus, pairs, content["origin"])


class _Pairs:
    """The pairs a recipe names, to be read as often as needed; validation pairs are never trained on."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config
        self._generated: list[Pair] = []
        self._not_trained: set[str] = set()
        if not config.train:
            self._generated = list(generate(config.grammar_pairs, config.grammar_seed))
        if config.validation:
            self.validation = _filled(read_pairs(config.validation))
        elif not config.train:
            self.validation = tuple(generate(config.holdout_pairs, config.grammar_seed, split="validation"))
        else:
            self.validation = self._hold_out()
            self._not_trained = {pair.source for pair in self.validation}
        if not self.validation:
            raise DataError(
                "data.validation: no pair with text on both sides; give other files, or raise data.holdout_pairs"
            )

    def training(self) -> Iterator[Pair]:
        """The training pairs; none whose source was held out, for its twin elsewhere would give it away."""
        if self._generated:
            return iter(self._generated)
        pairs = read_pairs(self.config.train)
        return (pair for pair in pairs if pair.source not in self._not_trained)

    def origin(self) -> dict[str, str]:
        """Where the pairs came from."""
        files = {file: checksum(file) for file in [*self.config.train, *self.config.validation]}
        if self._generated:
            files["embedded grammar"] = f"seed {self.config.grammar_seed}, {len(self._generated):,} pairs"
        return files

    def _hold_out(self) -> tuple[Pair, ...]:
        """Take validation pairs out of the training files, the same ones every time."""
        total = sum(1 for _ in read_pairs(self.config.train))
        number = min(self.config.holdout_pairs, max(total // 10, 1))
        chosen = set(np.random.default_rng(0).choice(total, size=number, replace=False).tolist())
        pairs = enumerate(read_pairs(self.config.train))
        return _filled(pair for row, pair in pairs if row in chosen)


def _filled(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs with text on both sides."""
    return tuple(pair for pair in pairs if pair.source.strip() and pair.target.strip())


def _learn(config: Config, data: _Pairs) -> Tokenisers:
    if config.tokeniser.shared:
        both = chain.from_iterable((pair.source, pair.target) for pair in data.training())
        shared = Tokeniser.train(both, config.tokeniser)
        return Tokenisers(shared, shared)
    return Tokenisers(
        Tokeniser.train((pair.source for pair in data.training()), config.tokeniser),
        Tokeniser.train((pair.target for pair in data.training()), config.tokeniser),
    )
