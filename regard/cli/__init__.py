"""The verbs of the command line, one a file: each parses, calls one library function, prints.

Nothing heavy is imported before a verb runs, so that `regard --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from itertools import groupby
from textwrap import wrap
from typing import Any, NoReturn

from regard.errors import RegardError

VERBS = {
    "demo": "see what attention does: train two small models and compare them (4 minutes)",
    "prepare": "read, clean and tokenise sentence pairs for several trainings",
    "train": "train a model on sentence pairs, from a recipe",
    "average": "average the weights of models, the checkpoints of a run say",
    "translate": "translate lines from standard input",
    "score": "how probable a model finds given translations",
    "evaluate": "BLEU, chrF, error rates, by length, rare words; a report of the worst sentences",
    "compare": "systems side by side, and whether they truly differ",
    "explain": "show what attention did, step by step, for one sentence",
    "serve": "a model over HTTP: an API and a page to look at",
    "data": "generate the embedded corpus; describe any corpus",
    "info": "what there is to compute with, and what a model is",
}

_EXAMPLES = """\
examples:
  regard demo
  regard train bahdanau2015 --data.train train.de train.en --out runs/mine
  echo 'die alte frau lacht .' | regard translate runs/demo
  regard explain runs/demo 'die alte frau lacht .' --plot picture.png
  regard explain --example

`regard VERB --help` tells more."""


class _Formatter(RawDescriptionHelpFormatter):
    """Folds running text to the terminal's width; indented lines, such as examples, stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        folded: list[str] = []
        for is_text, block in groupby(text.splitlines(), lambda line: line[:1] not in ("", " ")):
            lines = list(block)
            folded += wrap(" ".join(lines), width, break_on_hyphens=False) if is_text else lines
        return "".join(f"{indent}{line}\n" for line in folded)


class Parser(ArgumentParser):
    """An argument parser whose complaints fit on one line."""

    def __init__(self, verb: str = "", **options: Any) -> None:
        fixed = {"formatter_class": _Formatter, "allow_abbrev": False}
        super().__init__(**{"prog": f"regard {verb}".strip(), **fixed, **options})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and leave with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str]) -> int:
    """Run one verb. Mistakes of the user's become one line on standard error and exit status 2."""
    verbs = "\n".join(f"  {name:<10} {what}" for name, what in VERBS.items())
    parser = Parser(
        usage="regard VERB [options]",
        description="Sequence-to-sequence models with attention: train, translate, evaluate, explain.",
        epilog=f"verbs:\n{verbs}\n\n{_EXAMPLES}",
    )
    parser.add_argument("--version", action="version", version=f"regard {version('regard')}")
    parser.add_argument("verb", help="one of the verbs below", metavar="VERB", nargs="?")
    verb, rest = (list(arguments[:1]), list(arguments[1:])) if arguments else ([], [])
    known = parser.parse_args(verb)
    if known.verb is None:
        parser.print_help()
        return 0
    if known.verb not in VERBS:
        parser.error(f"no verb {known.verb!r}; verbs: {', '.join(VERBS)}")
    return _run(known.verb, rest)


def _run(verb: str, arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show must not end in an error
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
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"regard {verb}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2
    return status
