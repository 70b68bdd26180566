"""What several verbs share: options of machine, tables and metrics, loading a model, progress."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.cli import Parser
from regard.errors import ConfigError
from regard.recipe_file import packaged_recipes

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from regard.records.text import Table
    from regard.translator import Translator


def recipe_list() -> str:
    """Return the packaged recipes with the first line of each, for a help text."""
    lines = []
    for name, file in packaged_recipes().items():
        first = file.read_text(encoding="utf-8").splitlines()[0]
        lines.append(f"  {name:18} {first.removeprefix('# ')}")
    return "\n".join(lines)


def add_machine_options(parser: Parser) -> None:
    """Add --device and --threads."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--threads",
        type=int,
        help="CPU threads (default: all cores; 1 is faster while other programs are busy)",
    )


def load_model(options: Namespace) -> Translator:
    """Load the model folder `options.model`, with those of --ensemble, on the device of --device."""
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
    """Load a model folder on the device of --device; return the name of a file of translations as it is."""
    return name if Path(name).is_file() else load_model(Namespace(**{**vars(options), "model": name}))


def add_table_options(parser: Parser) -> None:
    """Add --columns and --features."""
    add = parser.add_argument
    add(
        "--columns",
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="columns of a table: numbers from 1, names or keys (default: the model's recipe, else 1 and 2)",
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
    """Warn on standard error that `number` sources are longer than any the model was trained on."""
    if number:
        print(
            f"warning: {system}: {number} source{'' if number == 1 else 's'} of more tokens than in training "
            "(data.max_tokens), each translated as one sentence; `regard translate` splits them",
            file=sys.stderr,
        )


def add_figure_options(parser: Parser) -> None:
    """Add --references, --train-text, --lowercase, --tokenise and --bootstrap."""
    add = parser.add_argument
    add(
        "--references",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="further references, parallel to the targets line by line; an empty line is no reference",
    )
    add(
        "--train-text",
        type=Path,
        metavar="FILE",
        help="the target side of the training text, which decides which words are rare (default: the model's own)",
    )
    add("--lowercase", action="store_true", help="ignore case")
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
        help="bootstrap samples for each 95 %% confidence interval; 0: no intervals (default: 1000)",
    )


def figure_options(options: Namespace) -> dict[str, Any]:
    """Return these options as keyword arguments of `evaluate`, except for --train-text."""
    return {name: getattr(options, name) for name in ("references", "lowercase", "tokenise", "bootstrap")}


@contextmanager
def progress(what: str, total: int | None, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error if that is a terminal; yield a function to call with each number done."""
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
    """Return a column with the number done per second."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.1f}/s")

    return Speed()


def lines_of(path: Path | None) -> int | None:
    """Count the lines of a file; None for standard input. Raises DataError if there is no such file."""
    if path is None:
        return None
    from regard.data.text import count_lines

    return count_lines(path)
