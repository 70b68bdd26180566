"""What is evaluated: a model, or a file of what some system wrote; and the text files beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from regard.alignment import read_links
from regard.checkpoint import load_config
from regard.data import read_lines, read_pairs
from regard.errors import DataError, ModelError
from regard.metrics import count_words
from regard.records import Links, Pair
from regard.training.experiment import DATA
from regard.training.prepared import load_prepared
from regard.translator import Translator, load

MOST_COUNTED = 200_000  # training pairs of which words are counted
_CHUNK = 1000

System = Translator | str | Path
TestSet = Sequence[Pair] | Sequence[str | Path] | str | Path


@dataclass(frozen=True)
class Table:
    """Source and target column of a table, and the column of features, as in the recipe's `data` section."""

    columns: tuple[str | int, ...] = ()
    features: str | int = ""


def read_test_set(
    files: Sequence[str | Path],
    links: str | Path | None = None,
    one_indexed: bool = False,
    table: Table | None = None,
) -> list[Pair]:
    """Pairs from two line-parallel files or a table, with their gold links where there are some.

    `table` says which columns of a table are read. Raises DataError, naming file and line, where text or links
    cannot be read or do not belong together.
    """
    table = table or Table()
    pairs = list(read_pairs(list(files), table.columns, table.features, split="test"))
    if links is None:
        return pairs
    gold = read_links(links, one_indexed=one_indexed)
    if len(gold) != len(pairs):
        raise DataError(
            f"{links}: {len(gold)} lines of links for {len(pairs)} sentence pairs; expected one line each"
        )
    for number, (pair, links_of_pair) in enumerate(zip(pairs, gold, strict=True), start=1):
        _check_links(f"{links}, line {number}", pair, links_of_pair)
    return [Pair(pair.source, pair.target, its_links) for pair, its_links in zip(pairs, gold, strict=True)]


def table_of(system: System) -> Table:
    """The columns that a model folder's recipe reads of a table; of any other system, the usual ones."""
    if not isinstance(system, str | Path) or not Path(system).is_dir():
        return Table()
    data = load_config(system).data
    return Table(tuple(data.columns), data.features)


def pairs_of(test_set: TestSet, table: Table | None = None) -> list[Pair]:
    """The pairs of a test set, or of the files that hold it. Raises DataError for anything else."""
    given = [test_set] if isinstance(test_set, str | Path) else list(test_set)
    if given and all(isinstance(one, str | Path) for one in given):
        return read_test_set([one for one in given if not isinstance(one, Pair)], table=table)
    for number, one in enumerate(given, start=1):
        if not isinstance(one, Pair):
            raise DataError(
                f"test set: expected regard.Pair(source, target), or the names of its files, got {one!r} as number "
                f"{number}; wrap the two sides in a Pair"
            )
    if not given:
        raise DataError("test set: expected at least one sentence pair, got none; check the files")
    return [one for one in given if isinstance(one, Pair)]


def open_system(system: System) -> Translator | Path:
    """The model in a folder, or the path of a file of translations. Raises ModelError for neither."""
    if isinstance(system, Translator):
        return system
    if not isinstance(system, str | Path):
        raise ModelError(
            f"expected a Translator, a model folder or a file of translations, got {type(system).__name__}; "
            "regard.load(folder) gives a Translator"
        )
    return Path(system) if Path(system).is_file() else load(system)


def read_column(text: Sequence[str] | str | Path, expected: int, what: str) -> list[str]:
    """Lines that belong to a test set of so many sentences, from a file if it is named. Raises DataError."""
    name, lines = (text, read_lines(text)) if isinstance(text, str | Path) else (what, iter(text))
    column = list(lines)
    if len(column) != expected:
        raise DataError(
            f"{name}: {len(column)} lines for the {expected} sentences of the test set; expected a "
            f"line of {what} for each"
        )
    return column


def own_training_text(system: System) -> Path | None:
    """The folder of a model that still has its training data beside it."""
    if isinstance(system, Translator) or not Path(system).is_dir():
        return None
    folder = Path(system)
    try:
        load_prepared(folder / DATA)
    except ModelError:
        return None
    return folder


def training_counts(place: str | Path, tokenise: str) -> Counter[str]:
    """How often each target word occurs in training: in a text file, or in what a model folder was trained on.

    Of a large corpus in a model folder MOST_COUNTED pairs are counted, evenly chosen.
    Raises DataError or ModelError where there is nothing to count.
    """
    texts = _trained_on(Path(place)) if Path(place).is_dir() else read_lines(place)
    return count_words(texts, tokenise)


def _trained_on(folder: Path) -> Iterator[str]:
    """The target sentences a model was trained on, as its tokeniser gives them back."""
    prepared = load_prepared(folder / DATA, "name the training text")
    corpus, tokeniser = prepared.corpus, prepared.tokenisers.target
    rows = range(0, len(corpus), -(-len(corpus) // MOST_COUNTED))
    for start in range(0, len(rows), _CHUNK):
        for ids in corpus.batch(rows[start : start + _CHUNK]).target.tolist():
            yield tokeniser.decode(ids)


def _check_links(where: str, pair: Pair, links: Links) -> None:
    source, target = len(pair.source.split()), len(pair.target.split())
    for s, t in links.possible:
        if s >= source or t >= target:
            raise DataError(
                f"{where}: link {s}-{t} (counted from 0) lies outside its sentences of {source} and {target} words; "
                "check that the files belong together, and --one-indexed"
            )
