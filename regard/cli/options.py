"""What several verbs share: options of search and machine, loading a model, progress, whole files."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.atomic_writes import atomic_text as atomic_text
from regard.atomic_writes import check_writable as check_writable
from regard.cli import Parser
from regard.errors import ConfigError, DataError
from regard.recipe_file import packaged_recipes

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from regard.records.text import Table
    from regard.translator import Translator


def recipe_list() -> str:
    """Each packaged recipe with what its first line says, for a help."""
    lines = []
    for name, file in packaged_recipes().items():
        said = file.read_text(encoding="utf-8").splitlines()[0]
        lines.append(f"  {name:18} {said.removeprefix('# ')}")
    return "\n".join(lines)


def add_search_options(parser: Parser) -> None:
    """All that `translate` takes beside the text, as options; what is not given is as the model's recipe says."""
    search = parser.add_argument_group("search").add_argument
    search(
        "--beam",
        type=int,
        metavar="N",
        help="hypotheses kept at each step; 1 is greedy (default: the model's recipe)",
    )
    search(
        "--length-penalty",
        type=float,
        metavar="X",
        help="exponent of the length in the ranking (default: the recipe)",
    )
    search(
        "--length-form", choices=("power", "gnmt"), help="of that length: |Y|, or (5 + |Y|) / 6 (the recipe)"
    )
    search(
        "--coverage-penalty", type=float, help="how much source tokens without attention count (the recipe)"
    )
    search(
        "--precision",
        choices=("auto", "float32", "bfloat16", "int8"),
        help="of the matrix products; auto is low where the CPU has units for it (default: the recipe)",
    )
    search("--batch-size", type=int, metavar="N", help="sentences decoded together (default: the recipe)")
    search(
        "--groups", type=int, metavar="N", help="cut the beam into so many groups that differ from each other"
    )
    search(
        "--diversity",
        type=float,
        metavar="X",
        help="what a token costs that an earlier group wrote, in nats (0.5)",
    )
    add_ensemble_option(search)
    draw = parser.add_argument_group("samples in place of a search").add_argument
    draw("--sample", action="store_true", help="draw translations at random")
    draw("--temperature", type=float, metavar="X", help="below 1 bolder, above 1 more varied (1)")
    draw("--top-k", type=int, metavar="K", help="draw from the K most probable tokens only")
    draw(
        "--top-p",
        type=float,
        metavar="P",
        help="draw from the fewest tokens that have probability P together",
    )
    draw("--seed", type=int, metavar="N", help="the same draws the same, whatever the other lines are (1)")
    write = parser.add_argument_group("what is written").add_argument
    write("--prefix", metavar="TEXT", help="every translation begins with this")
    write("--ban", metavar="TEXT", action="append", help="never write this word or phrase; may be repeated")
    write("--ban-file", type=Path, metavar="FILE", help="the same, one a line")
    write("--glossary", type=Path, metavar="FILE", help="source TAB target: the target term must be written")
    write(
        "--replace-unknown", action="store_true", help="write the source word attended to in place of <unk>"
    )
    write(
        "--lexicon", type=Path, metavar="FILE", help="source TAB target: what to write for such a source word"
    )


def add_ensemble_option(add: Callable[..., object]) -> None:
    """--ensemble, for `load_model`."""
    add("--ensemble", nargs="+", default=[], metavar="MODEL", help="more models, averaged with MODEL")


def search_options(options: Namespace) -> dict[str, Any]:
    """Those of the search options that were given, files read. Raises DataError for what cannot be read as told."""
    from regard.data.phrases import read_lexicon, read_phrases

    if not all(map(is_text, [options.prefix or "", *(options.ban or [])])):
        raise DataError("--prefix and --ban: expected UTF-8; convert them first, for example with iconv")
    found = {key: getattr(options, key) for key in _GIVEN if getattr(options, key) is not None}
    found |= {key: True for key in ("sample", "replace_unknown") if getattr(options, key)}
    banned = [*(options.ban or []), *(read_phrases(options.ban_file) if options.ban_file else [])]
    if banned:
        found["ban"] = banned
    for key in ("glossary", "lexicon"):
        if getattr(options, key):
            found[key] = read_lexicon(getattr(options, key))
    return found


_GIVEN = (
    "beam",
    "length_penalty",
    "length_form",
    "coverage_penalty",
    "batch_size",
    "precision",
    "groups",
    "diversity",
    "temperature",
    "top_k",
    "top_p",
    "seed",
    "prefix",
)


def is_text(argument: str) -> bool:
    """Whether the bytes typed were UTF-8; Python hands others on as half characters."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def add_machine_options(parser: Parser) -> None:
    """--device and --threads."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--threads", type=int, help="CPU threads (default: all cores; beside busy programs 1 is faster)"
    )


def load_model(options: Namespace) -> Translator:
    """The translator in the folder `options.model`, with those of --ensemble, on the device asked for."""
    import torch

    from regard.training import choose_device
    from regard.translator import load_ensemble

    if options.threads is not None and options.threads < 0:
        raise ConfigError(
            f"--threads: expected a number from 1 on, or 0 for all cores, got {options.threads}"
        )
    if options.threads:
        torch.set_num_threads(options.threads)
    folders = [options.model, *getattr(options, "ensemble", [])]
    return load_ensemble(folders, str(choose_device(options.device)))


def open_system(name: str, options: Namespace) -> Translator | str:
    """The translator in a model folder, on the device asked for; a file of translations stays a name."""
    return name if Path(name).is_file() else load_model(Namespace(**{**vars(options), "model": name}))


def add_table_options(parser: Parser) -> None:
    """--columns, --features."""
    add = parser.add_argument
    add(
        "--columns",
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="columns of a table: numbers from 1, names or keys (default: as the model's recipe says, else 1 and 2)",
    )
    add(
        "--features",
        metavar="COLUMN",
        help="the column of features, '' for none (default: the model's recipe)",
    )


def table_options(options: Namespace, systems: Sequence[str], files: Sequence[str]) -> Table:
    """The columns asked for; what was not asked for is as the recipes of the systems say."""
    from regard.lab.test_sets import resolve_table

    return resolve_table(systems, files, options.columns or (), options.features)


def warn_of_long(system: str, number: int) -> None:
    """Say on standard error that so many sources are longer than what the model was trained on."""
    if number:
        print(
            f"warning: {system}: {number} source{'' if number == 1 else 's'} of more tokens than training had "
            "(data.max_tokens), each translated as one sentence; `regard translate` works in parts",
            file=sys.stderr,
        )


def add_figure_options(parser: Parser) -> None:
    """--references, --train-text, --lowercase, --tokenise, --bootstrap."""
    add = parser.add_argument
    add(
        "--references",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="further references, each line by line; an empty line is none",
    )
    add(
        "--train-text",
        type=Path,
        metavar="FILE",
        help="the target side of the training text, to judge rare words (default: the model's own)",
    )
    add("--lowercase", action="store_true", help="compare without regard to case")
    add(
        "--tokenise",
        default="13a",
        help="sacrebleu's tokeniser: 13a, none, zh, ja-mecab, char … (default: 13a)",
    )
    add(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="samples behind each 95 %% interval; 0: no intervals (default: 1000)",
    )


def figure_options(options: Namespace) -> dict[str, Any]:
    """Those options as `evaluate` takes them, but for the training text."""
    return {name: getattr(options, name) for name in ("references", "lowercase", "tokenise", "bootstrap")}


@contextmanager
def progress(what: str, total: int | None, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that is a terminal; yields what to call with each number done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), _speed(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, disable=not (shown and console.is_terminal), transient=True
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda number: bar.advance(task, number)


def _speed() -> ProgressColumn:
    """How many are done a second."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.1f}/s")

    return Speed()


def lines_of(path: Path | None) -> int | None:
    """How many lines a file has; None for standard input. Raises DataError if there is no such file."""
    if path is None:
        return None
    from regard.data.text import count_lines

    return count_lines(path)
