"""What is evaluated: a model, or a file of what some system wrote; and the text files beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from regard.alignment import read_links
from regard.checkpoint import load_config
from regard.data import read_lines, read_pairs
from regard.data.sources import is_table
from regard.data.text import count_filled_lines
from regard.errors import ConfigError, DataError, ModelError
from regard.metrics import count_words
from regard.records.text import Links, Pair, Table
from regard.training.prepared import load_prepared
from regard.training.run_folder import DATA
from regard.translator import Translator, load, table_in

MOST_COUNTED = 200_000  # training pairs of which words are counted
_CHUNK = 1000

System = Translator | str | Path
TestSet = Sequence[Pair] | Sequence[str | Path] | str | Path


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


def is_source_alone(files: Sequence[str | Path]) -> bool:
    """Whether these are a single file that holds no targets, judged by its name."""
    return len(files) == 1 and not is_table(files[0])


def read_sources(file: str | Path) -> list[Pair]:
    """The lines of a file as sources whose targets are not known, so empty. Raises DataError for an empty file."""
    count_filled_lines(file)
    return [Pair(line, "") for line in read_lines(file)]


def table_of(
    systems: Sequence[System],
    files: Sequence[str | Path],
    columns: Sequence[str | int] = (),
    features: str | int | None = None,
) -> Table:
    """What is read of the tables among the files: `columns` and `features`, or as the systems' recipes say.

    They are the usual ones where no system has a recipe, such as files of translations. Raises ConfigError where the
    recipes differ in what is not given.
    """
    given = Table(tuple(columns), "" if features is None else features)
    if len(files) > 1 and not any(map(is_table, files)):
        return given
    found = [
        (system, Table(given.columns or own.columns, own.features if features is None else features))
        for system in systems
        if (own := _own_table(system)) is not None
    ]
    for system, table in found:
        if table != found[0][1]:
            raise ConfigError(
                f"{_told(*found[0])}, {_told(system, table)}: they cannot share a table; choose with --columns and "
                "--features, or in Python with regard.read_test_set(files, table=regard.Table(...))"
            )
    return found[0][1] if found else given


def _own_table(system: System) -> Table | None:
    if isinstance(system, Translator):
        return system.table
    if not isinstance(system, str | Path) or not Path(system).is_dir():
        return None
    return table_in(load_config(system).data)


def _told(system: System, table: Table) -> str:
    name = "a Translator" if isinstance(system, Translator) else system
    columns = " and ".join(map(str, table.columns)) or "the usual columns"
    return f"{name} reads {columns}" + (f" with features in {table.features}" if table.features else "")


def pairs_of(test_set: TestSet, systems: Sequence[System] = ()) -> list[Pair]:
    """The pairs of a test set, or of the files that hold it, tables being read as the systems' recipes say.

    Raises DataError for anything else, ConfigError as `table_of` does.
    """
    given = [test_set] if isinstance(test_set, str | Path) else list(test_set)
    if given and all(isinstance(one, str | Path) for one in given):
        files = [one for one in given if not isinstance(one, Pair)]
        return read_test_set(files, table=table_of(systems, files))
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
