"""What several verbs share: options of search and machine, loading a model, progress, whole files."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.cli import Parser
from regard.errors import ConfigError, DataError

if TYPE_CHECKING:
    from regard.translator import Translator


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
        "--coverage-penalty", type=float, help="how much source pieces without attention count (the recipe)"
    )
    search("--batch-size", type=int, metavar="N", help="sentences decoded together (default: the recipe)")
    search(
        "--groups", type=int, metavar="N", help="cut the beam into so many groups that differ from each other"
    )
    search(
        "--diversity",
        type=float,
        metavar="X",
        help="what a piece costs that an earlier group wrote, in nats (0.5)",
    )
    add_ensemble_option(search)
    draw = parser.add_argument_group("samples in place of a search").add_argument
    draw("--sample", action="store_true", help="draw translations, --num-best of each line")
    draw("--temperature", type=float, metavar="X", help="below 1 bolder, above 1 more varied (1)")
    draw("--top-k", type=int, metavar="K", help="draw from the K most probable pieces only")
    draw(
        "--top-p",
        type=float,
        metavar="P",
        help="draw from the fewest pieces that have probability P together",
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


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that is a terminal; yields what to call with each number done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda number: bar.advance(task, number)


def lines_of(path: Path | None) -> int | None:
    """How many lines a file has; None for standard input. Raises DataError if there is no such file."""
    if path is None:
        return None
    from regard.data.text import count_lines

    return count_lines(path)


@contextmanager
def whole_output(path: Path) -> Iterator[Callable[[str], object]]:
    """A file that appears under its name only when it is whole; yields what writes text into it.

    What is no plain file, such as /dev/null, is written directly. Raises DataError as `check_place` does.
    """
    check_place(path)
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file.write
        return
    draft = path.with_name(path.name + ".draft")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            yield file.write
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Raise DataError for a file that cannot be written, because it is a folder or its folder is missing."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.absolute().parent} to write into; make it first")
