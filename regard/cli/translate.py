"""`regard translate`: lines in, lines out, whatever they hold."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli import Parser
from regard.cli.options import (
    add_machine_options,
    add_search_options,
    lines_of,
    load_model,
    progress,
    search_options,
)
from regard.cli.search_options import add_search_option
from regard.errors import ConfigError

if TYPE_CHECKING:
    from regard.documents import Shards, TextOptions

_DESCRIPTION = """\
Translate lines from standard input (or --input) to standard output (or
--output), one for one: line n of the output belongs to line n of the input. An
empty line stays empty; a line of several sentences is translated sentence by
sentence and joined again. Progress and warnings go to standard error."""

_EXAMPLES = """\
examples:
  regard translate runs/demo < input.txt > output.txt
  regard translate runs/demo --beam 1 --format jsonl < input.txt
  regard translate runs/demo --num-best 3 < input.txt
  regard translate runs/demo --markup --language de < messages.txt
  regard translate runs/demo --input big.txt.gz --output big.out.gz --resume
  regard translate runs/demo --input big.txt --output big.out --shard 2/8

--num-best writes the translations of a line with TABs between them.
--resume keeps what is done in OUTPUT.shards/ until all of it is there: after an
interruption, the same command goes on. Each --shard is for a process of its
own; the one that finishes last joins them.
jsonl has one object a line: text, log_probability and log_probabilities (of all
and of each token, in nats), score, tokens, source_tokens, attention (a row for
each token, a column for each source token), `missing_terms` (the glossary's terms that
were not written, if there are any), the same of each of several `sentences`,
and with --num-best of the `alternatives`."""


def main(arguments: Sequence[str]) -> int:
    """Parse, translate."""
    parser = Parser("translate", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("--input", type=Path, metavar="FILE", help="read this file, plain, .gz or .xz, not standard input")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="write this file, not standard output; it appears when it is whole, packed if it ends in .gz or .xz",
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

    from regard.documents import translate_file

    text, shards = _text_options(options), _shards(options)
    total = lines_of(options.input)
    translator = load_model(options)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    target = options.output or sys.stdout
    typed = options.input is None and sys.stdin.isatty()
    if typed:
        print("type a line and Enter; Ctrl-D ends", file=sys.stderr)
    with progress("lines", total, shown=not typed) as watch:
        missing = translate_file(
            translator,
            options.input or sys.stdin.buffer,
            target,
            text,
            form=options.format,
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
        help="translate sentence by sentence; auto: if the model does not read characters (default: auto)",
    )
    add("--document", action="store_true", help="the same as --split-sentences always")
    add(
        "--language",
        default="",
        metavar="CODE",
        help="the source's language for the splitting, such as de (default: rules that fit most)",
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
        help="carry over tags that begin and end on one line, placeholders such as {0} and %%s, and &nbsp;",
    )
    add("--addresses", action="store_true", help="carry over URLs and e-mail addresses")


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
    add("--resume", action="store_true", help="keep what is done, and go on from there after an interruption")
    add("--shards", type=int, metavar="N", help="cut the input into so many parts, each kept when it is done")
    add("--shard-size", type=int, metavar="LINES", help="cut it into parts of so many lines (default: 10000)")
    add("--shard", metavar="K/N", help="translate only part K of N; others may be doing theirs")


def _shards(options: Namespace) -> Shards | None:
    """What was asked of shards; None if nothing was."""
    from regard.documents import Shards

    asked = (options.shards, options.shard_size, options.shard)
    if not options.resume and asked == (None, None, None):
        return None
    if options.input is None or options.output is None:
        raise ConfigError("shards are files: expected --input FILE and --output FILE; name both")
    if sum(each is not None for each in asked) > 1:
        raise ConfigError(
            "expected one of --shards N, --shard-size LINES and --shard K/N; leave the others out"
        )
    if options.shard is not None:
        only, number = _part(options.shard)
        return Shards(number=number, only=only, resume=options.resume)
    if options.shards is not None:
        return Shards(number=options.shards, resume=options.resume)
    size = Shards.size if options.shard_size is None else options.shard_size
    return Shards(size=size, resume=options.resume)


def _part(text: str) -> tuple[int, int]:
    """2 and 8 of 2/8."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if found is None:
        raise ConfigError(f"--shard: expected K/N such as 2/8, got {text!r}")
    return int(found[1]), int(found[2])
