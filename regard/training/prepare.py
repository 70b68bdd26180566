"""From text to what the loop needs: tokenisers, ids, validation pairs."""

from __future__ import annotations

import json
import unicodedata
import zlib
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
    """Read the pairs, learn the tokenisers on the training side or take those of `training.init`, make ids.

    Raises DataError, naming file and line, for text that cannot be read or leaves nothing to train on.
    """
    data = _Pairs(config.data)
    tokenisers = _of_model(config, data) if config.training.init else _learn(config, data)
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
    """The pairs a recipe names, to be read as often as needed; what is held out is not trained on."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config
        self._generated: list[Pair] = []
        self._held_out_below = -1
        if not config.train:
            self._generated = list(generate(config.grammar_pairs, config.grammar_seed))
        if config.validation:
            self.validation = _filled(read_pairs(config.validation))
        elif not config.train:
            self.validation = tuple(generate(config.holdout_pairs, config.grammar_seed, split="validation"))
        else:
            self._held_out_below = self._bound()
            self.validation = _filled(pair for pair in read_pairs(config.train) if self._is_held_out(pair))
        if not self.validation:
            raise DataError(
                "data.validation: no pair with text on both sides; give other files, or raise data.holdout_pairs"
            )

    def training(self) -> Iterator[Pair]:
        """The training pairs."""
        if self._generated:
            return iter(self._generated)
        return (pair for pair in read_pairs(self.config.train) if not self._is_held_out(pair))

    def _is_held_out(self, pair: Pair) -> bool:
        """Whether a pair validates: a matter of its source alone, so that no twin elsewhere gives it away."""
        return _is_filled(pair) and _checksum(pair.source) <= self._held_out_below

    def _bound(self) -> int:
        """The checksum up to which sources are held out: so many pairs, or a tenth of a small corpus."""
        pairs = filter(_is_filled, read_pairs(self.config.train))
        checksums = np.fromiter((_checksum(pair.source) for pair in pairs), np.uint32)
        wanted = min(self.config.holdout_pairs, max(len(checksums) // 10, 1))
        different, counts = np.unique(checksums, return_counts=True)
        if len(different) == 0:
            return -1
        enough = int(np.searchsorted(np.cumsum(counts), wanted))
        return int(different[min(enough, max(len(different) - 2, 0))])

    def origin(self) -> dict[str, str]:
        """Where the pairs came from."""
        files = {file: checksum(file) for file in [*self.config.train, *self.config.validation]}
        if self._generated:
            files["embedded grammar"] = f"seed {self.config.grammar_seed}, {len(self._generated):,} pairs"
        return files


def _filled(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs with text on both sides."""
    return tuple(filter(_is_filled, pairs))


def _is_filled(pair: Pair) -> bool:
    return bool(pair.source.strip() and pair.target.strip())


def _checksum(source: str) -> int:
    """A number that depends on nothing but the words: case, spaces and Unicode form do not count."""
    words = " ".join(unicodedata.normalize("NFKC", source).casefold().split())
    return zlib.crc32(words.encode())


def _of_model(config: Config, data: _Pairs) -> Tokenisers:
    """The tokenisers of the model that training starts from, grown if the recipe says so."""
    known = load_tokenisers(config.training.init)
    if not config.training.grow_vocabulary:
        return known
    if config.tokeniser.shared:
        grown = known.source.grown(chain.from_iterable((p.source, p.target) for p in data.training()))
        return Tokenisers(grown, grown)
    return Tokenisers(
        known.source.grown(pair.source for pair in data.training()),
        known.target.grown(pair.target for pair in data.training()),
    )


def _learn(config: Config, data: _Pairs) -> Tokenisers:
    if config.tokeniser.shared:
        both = chain.from_iterable((pair.source, pair.target) for pair in data.training())
        shared = Tokeniser.train(both, config.tokeniser)
        return Tokenisers(shared, shared)
    return Tokenisers(
        Tokeniser.train((pair.source for pair in data.training()), config.tokeniser),
        Tokeniser.train((pair.target for pair in data.training()), config.tokeniser),
    )
