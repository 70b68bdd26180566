"""`regard translate`: translate a text, line by line."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli import Parser, fast_imports
from regard.cli.options import add_machine_options, lines_of, load_model, progress
from regard.cli.search_options import add_search_option, add_search_options, search_options
from regard.errors import ConfigError

if TYPE_CHECKING:
    from regard.documents import Shards, TextOptions

_DESCRIPTION = """\
Translate lines from standard input (or --input) to standard output (or --output): line n of the output is the
translation of line n of the input. An empty line stays empty; a line of several sentences is translated
sentence by sentence. Progress and warnings go to standard error."""

_EXAMPLES = """\
examples:
  regard translate runs/demo < input.txt > output.txt
  regard translate runs/demo --beam 1 --format jsonl < input.txt
  regard translate runs/demo --num-best 3 < input.txt
  regard translate runs/demo --markup --language de < messages.txt
  regard translate runs/demo --input big.txt.gz --output big.out.gz --resume
  regard translate runs/demo --input big.txt --output big.out --shard 2/8

--num-best separates the translations of a line by TABs.

--resume keeps finished parts in OUTPUT.shards/ until the output is complete; after an interruption, the same command
continues. Each --shard runs in a process of its own; the last one to finish joins them.

jsonl writes one object a line: text, log_probability (in nats, and log_probabilities of each token), score, tokens,
source_tokens, attention (a row for each token, a column for each source token), missing_terms (terms of the glossary
that the translation lacks, if any), the same for each of several sentences, and with --num-best for each of the
alternatives."""


def main(arguments: Sequence[str]) -> int:
    """Translate, and write the translations."""
    parser = Parser(
        "translate",
        usage="regard translate MODEL [options] < INPUT > OUTPUT",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add(
        "--input",
        type=Path,
        metavar="FILE",
        help="read this file, plain, .gz or .xz, in place of standard input",
    )
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="write this file, which appears once it is complete and is compressed if it ends in .gz or .xz",
    )
    _add_text_options(parser)
    _add_shard_options(parser)
    add_search_options(parser)
    add_search_option(add, "num_best")
    add("--format", choices=("text", "jsonl"), default="text", help="text, or one JSON object a line")
    add_machine_options(parser)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        files = [name for name in unknown if Path(name).exists()]
        parser.error(f"unrecognized {unknown[0]}{f'; give the text by --input {files[0]}' if files else ''}")

    with fast_imports():
        from regard.documents import translate_file

    text, shards = _text_options(options), _shards(options)
    total = lines_of(options.input)
    translator = load_model(options)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    target = options.output or sys.stdout
    interactive = options.input is None and sys.stdin.isatty()
    if interactive:
        print("type a line and press Enter; Ctrl-D ends", file=sys.stderr)
    with progress("lines", total, shown=not interactive) as watch:
        missing = translate_file(
            translator,
            options.input or sys.stdin.buffer,
            target,
            text,
            output_format=options.format,
            shards=shards,
            warn=_warn,
            watch=watch,
            **search_options(options),
        )
    if missing:
        print(f"shard {options.shard} is done; {missing} still missing", file=sys.stderr)
    return 0


def _warn(message: str) -> None:
    print(f"regard translate: {message}", file=sys.stderr)


def _add_text_options(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--split-sentences",
        choices=("auto", "always", "never"),
        default="auto",
        help="translate sentence by sentence; auto: unless the model reads characters (default: auto)",
    )
    add("--document", action="store_true", help="short for --split-sentences always")
    add(
        "--language",
        default="",
        metavar="CODE",
        help="language of the source, such as de, for the splitting (default: rules for most languages)",
    )
    add(
        "--max-length",
        type=int,
        default=0,
        metavar="TOKENS",
        help="translate longer sentences in parts, with a warning (default: data.max_tokens of the model's recipe)",
    )
    add(
        "--markup",
        action="store_true",
        help="keep tags that begin and end on one line, placeholders such as {0} and %%s, and &nbsp;",
    )
    add("--addresses", action="store_true", help="keep URLs and e-mail addresses as they are")


def _text_options(options: Namespace) -> TextOptions:
    from regard.documents import TextOptions

    return TextOptions(
        split="always" if options.document else options.split_sentences,
        language=options.language,
        max_length=options.max_length,
        markup=options.markup,
        addresses=options.addresses,
    )


def _add_shard_options(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--resume",
        action="store_true",
        help="keep finished parts, and continue from them after an interruption",
    )
    add("--shards", type=int, metavar="N", help="split the input into N parts, each kept once it is finished")
    add(
        "--shard-size",
        type=int,
        metavar="LINES",
        help="split it into parts of that many lines (default: 10000)",
    )
    add(
        "--shard",
        metavar="K/N",
        help="translate only part K of N, while other processes translate the others",
    )


def _shards(options: Namespace) -> Shards | None:
    """Return how to split the input; None without an option about it."""
    from regard.documents import Shards

    chosen = (options.shards, options.shard_size, options.shard)
    if not options.resume and chosen == (None, None, None):
        return None
    if options.input is None or options.output is None:
        raise ConfigError(
            "--resume and --shards: expected --input FILE and --output FILE, got standard input or output; name both"
        )
    if sum(each is not None for each in chosen) > 1:
        raise ConfigError(
            "expected one of --shards N, --shard-size LINES and --shard K/N; leave the others out"
        )
    if options.shard is not None:
        only, number = _part(options.shard)
        return Shards(num_shards=number, only=only, resume=options.resume)
    if options.shards is not None:
        return Shards(num_shards=options.shards, resume=options.resume)
    size = Shards.shard_size if options.shard_size is None else options.shard_size
    return Shards(shard_size=size, resume=options.resume)


def _part(text: str) -> tuple[int, int]:
    """Parse K/N, such as 2/8."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if found is None:
        raise ConfigError(f"--shard: expected K/N such as 2/8, got {text!r}")
    return int(found[1]), int(found[2])
