"""What several verbs share: options of search and machine, loading a model, progress, whole files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.cli import Parser
from regard.errors import ConfigError
from regard.output import check_place as check_place
from regard.output import whole_output as whole_output

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from regard.translator import Translator


def add_search_options(parser: Parser) -> None:
    """--beam, --length-penalty, --batch-size; each defaults to what the model's recipe says."""
    add = parser.add_argument
    add("--beam", type=int, help="hypotheses kept at each step; 1 is greedy (default: the model's recipe)")
    add("--length-penalty", type=float, help="exponent of the length in the ranking (default: the recipe)")
    add("--batch-size", type=int, help="sentences decoded together (default: the recipe)")


def search_options(options: Namespace) -> dict[str, Any]:
    """Those of the search options that were given."""
    asked = {key: getattr(options, key) for key in ("beam", "length_penalty", "batch_size")}
    return {key: value for key, value in asked.items() if value is not None}


def add_machine_options(parser: Parser) -> None:
    """--device and --threads."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--threads", type=int, help="CPU threads (default: all cores; beside busy programs 1 is faster)"
    )


def load_model(options: Namespace) -> Translator:
    """The translator in the folder `options.model`, on the device asked for."""
    import torch

    from regard.training import choose_device
    from regard.translator import load

    if options.threads is not None and options.threads < 0:
        raise ConfigError(
            f"--threads: expected a number from 1 on, or 0 for all cores, got {options.threads}"
        )
    if options.threads:
        torch.set_num_threads(options.threads)
    return load(options.model, str(choose_device(options.device)))


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that is a terminal; yields what to call with each number done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), _speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
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
