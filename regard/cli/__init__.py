"""The command line, one verb a file: each parses its arguments, calls one library function and prints the result.

Nothing heavy is imported before a verb runs, so that `regard --help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import groupby
from textwrap import wrap
from typing import Any, NoReturn

from regard.errors import RegardError

VERBS = {
    "demo": "train two small models, see what attention adds (4 minutes)",
    "prepare": "read, clean and tokenise sentence pairs, once for several trainings",
    "train": "train a model on sentence pairs, from a recipe",
    "average": "average the weights of models, such as the checkpoints of a run",
    "translate": "translate lines from standard input",
    "score": "score existing translations by their probability under a model",
    "evaluate": "BLEU, chrF and more on a test set; a report of the worst sentences",
    "compare": "compare systems side by side, with significance tests",
    "explain": "show what attention does for one sentence, step by step",
    "faithful": "measure over a corpus whether attention explains a model",
    "serve": "serve a model over HTTP: an API and a web page",
    "data": "generate the embedded corpus, or describe any corpus",
    "info": "show versions, hardware and kernels, or the architecture of a model",
}

_EXAMPLES = """\
examples:
  regard demo
  regard train bahdanau2015 --data.train train.de train.en --out runs/mine
  echo 'die alte frau lacht .' | regard translate runs/demo
  regard explain runs/demo 'die alte frau lacht .' --plot picture.png
  regard explain --example

`regard VERB --help` describes a verb, with examples."""


class _Formatter(RawDescriptionHelpFormatter):
    """Fold running text to the terminal's width; keep indented lines, such as examples, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        folded: list[str] = []
        for is_text, block in groupby(text.splitlines(), lambda line: line[:1] not in ("", " ")):
            lines = list(block)
            folded += wrap(" ".join(lines), width, break_on_hyphens=False) if is_text else lines
        return "".join(f"{indent}{line}\n" for line in folded)


class Parser(ArgumentParser):
    """An argument parser whose errors fit on one line."""

    def __init__(self, verb: str = "", **options: Any) -> None:
        fixed = {"formatter_class": _Formatter, "allow_abbrev": False}
        super().__init__(**{"prog": f"regard {verb}".strip(), **fixed, **options})

    def error(self, message: str) -> NoReturn:
        """Print the error and where to find help, and exit with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


@contextmanager
def fast_imports() -> Iterator[None]:
    """Import large libraries without garbage collection, which finds nothing and takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Version(Action):
    """Print the version and exit; finding it takes longer than all else that the help needs."""

    def __call__(self, parser: ArgumentParser, *_: Namespace | str | Sequence[Any] | None) -> None:
        from importlib.metadata import version

        print(f"regard {version('regard')}")
        parser.exit()


def main(arguments: Sequence[str]) -> int:
    """Run one verb and return the exit status: 0, 2 for a mistake of the user, 130 after Ctrl-C.

    A mistake of the user is reported as one line on standard error.
    """
    verbs = "\n".join(f"  {name:<10} {summary}" for name, summary in VERBS.items())
    parser = Parser(
        usage="regard VERB [options]",
        description="Sequence-to-sequence models with attention: train, translate, evaluate, explain.",
        epilog=f"verbs:\n{verbs}\n\n{_EXAMPLES}",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("verb", help="one of the verbs below", metavar="VERB", nargs="?")
    verb, rest = list(arguments[:1]), list(arguments[1:])
    known = parser.parse_args(verb)
    if known.verb is None:
        parser.print_help()
        return 0
    if known.verb not in VERBS:
        parser.error(f"expected one of the verbs {', '.join(VERBS)}, got {known.verb!r}")
    return _run(known.verb, rest)


def _run(verb: str, arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):  # characters that the terminal cannot show must not raise
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status: int = import_module(f"regard.cli.{verb}").main(arguments)
        sys.stdout.flush()
    except RegardError as error:
        print(f"regard {verb}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"regard {verb}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, or a folder without permission to write
        print(f"regard {verb}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2
    return status
