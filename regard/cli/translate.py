"""`regard translate`: lines in, lines out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from regard.cli import Parser
from regard.cli.options import (
    add_machine_options,
    add_search_options,
    lines_of,
    load_model,
    progress,
    search_options,
    whole_output,
)
from regard.errors import DataError

if TYPE_CHECKING:
    from regard.records import Translation

CHUNK = 1024  # lines read before any is written; within a chunk like lengths are decoded together

_DESCRIPTION = """\
Translate lines from standard input (or --input) to standard output (or --output), one for one: line n of the
output belongs to line n of the input, and an empty line gives an empty line. Progress goes to standard error."""

_EXAMPLES = """\
examples:
  regard translate runs/demo < input.txt > output.txt
  regard translate runs/demo --beam 1 --format jsonl < input.txt
  regard translate runs/demo --num-best 3 < input.txt   # the 3 best of a line, TAB between them

jsonl has one object a line: text, log_probability and log_probabilities (of all and of each piece, in nats), score,
pieces, source_pieces, attention (a row for each piece, a column for each source piece) and, with --num-best,
alternatives."""


def main(arguments: Sequence[str]) -> int:
    """Parse, translate, write."""
    parser = Parser("translate", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("--input", type=Path, help="read this file in place of standard input")
    add(
        "--output", type=Path, help="write this file in place of standard output; it appears when it is whole"
    )
    add_search_options(parser)
    add(
        "--num-best",
        type=int,
        default=1,
        help="how many translations of each line; the beam is widened to that, if --beam is not given (default: 1)",
    )
    add("--format", choices=("text", "jsonl"), default="text", help="text, or one JSON object a line")
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from regard.data.text import open_text

    translator = load_model(options)
    how = search_options(options)
    with ExitStack() as stack:
        read = stack.enter_context(open_text(options.input)) if options.input else sys.stdin.buffer
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
        write = stack.enter_context(whole_output(options.output)) if options.output else sys.stdout.write
        watch = stack.enter_context(progress("sentences", lines_of(options.input)))
        for chunk in _chunks(read, str(options.input or "standard input")):
            for one in translator.translate(chunk, num_best=options.num_best, watch=watch, **how):
                write(_line(one, options.format) + "\n")
            sys.stdout.flush()
    return 0


def _chunks(stream: BinaryIO, name: str) -> Iterator[list[str]]:
    """Lines in lists: one at a time when a person types them, else many.

    Raises DataError for bytes that are no text.
    """
    size = 1 if stream.isatty() else CHUNK
    for first in count(1, size):
        lines = [_text(line, name, first + place) for place, line in enumerate(islice(stream, size))]
        if not lines:
            return
        yield lines


def _text(line: bytes, name: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}, line {number}: byte {error.start + 1} is not UTF-8; convert it first, for example with iconv"
        ) from None


def _line(one: Translation, form: str) -> str:
    if form == "text":
        return "\t".join(each.text for each in (one, *one.alternatives))
    return json.dumps(_record(one), ensure_ascii=False)


def _record(one: Translation) -> dict[str, Any]:
    attention = (
        None if one.attention is None else [[round(w, 6) for w in row] for row in one.attention.tolist()]
    )
    record: dict[str, Any] = {
        "source": one.source,
        "text": one.text,
        "log_probability": one.log_probability,
        "log_probabilities": one.log_probabilities,
        "score": one.score,
        "source_pieces": one.source_pieces,
        "pieces": one.pieces,
        "attention": attention,
    }
    if one.alternatives:
        record["alternatives"] = [_record(each) for each in one.alternatives]
    return record
