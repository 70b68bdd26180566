"""`regard score`: how probable a model finds translations that are there already."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from regard.cli import Parser
from regard.cli.options import (
    add_ensemble_option,
    add_machine_options,
    add_table_options,
    atomic_text,
    lines_of,
    load_model,
    progress,
    table_options,
)

if TYPE_CHECKING:
    from regard.records.text import Pair, Scored

CHUNK = 1024  # pairs read before any is written; within a chunk like lengths are scored together

_DESCRIPTION = """\
Force a model through given translations and write, line n for pair n: the log-probability in nats, the same for a
token on average, and the perplexity, with TABs between them. End-of-sentence counts as a token; of an empty source
nothing is scored. Figures of all pairs go to standard error. FILES are two line-parallel files (source,
translation) or one table: TSV, JSON lines, hub:NAME."""

_EXAMPLES = """\
examples:
  regard score runs/demo test.de test.en > scores.tsv
  regard score runs/demo candidates.tsv --format jsonl

jsonl has one object a line: source, target, log_probability, per_token, perplexity, tokens, log_probabilities (of
each token)."""


def main(arguments: Sequence[str]) -> int:
    """Parse, score, write."""
    parser = Parser("score", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("files", nargs="+", metavar="FILES", help="source and translation, or one TSV")
    add(
        "--output", type=Path, help="write this file in place of standard output; it appears when it is whole"
    )
    add("--format", choices=("tsv", "jsonl"), default="tsv", help="tsv, or one JSON object a line")
    add("--batch-size", type=int, help="pairs scored together (default: the recipe)")
    add_table_options(parser)
    add_ensemble_option(add)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from regard.data import read_pairs

    table = table_options(options, [options.model, *options.ensemble], options.files)
    pairs = read_pairs(options.files, table.columns, table.features, split="test")
    translator = load_model(options)
    total, tokens, lines = 0.0, 0, 0
    with ExitStack() as stack:
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
        write = stack.enter_context(atomic_text(options.output)) if options.output else sys.stdout.write
        watch = stack.enter_context(progress("pairs", _number(options.files)))
        for chunk in _chunks(pairs):
            sources, targets = [pair.source for pair in chunk], [pair.target for pair in chunk]
            for one in translator.score(sources, targets, batch_size=options.batch_size, watch=watch):
                write(_line(one, options.format) + "\n")
                total, tokens, lines = total + one.log_probability, tokens + len(one.tokens), lines + 1
    perplexity = math.exp(-total / tokens) if tokens else math.nan
    print(
        f"{lines} pairs, {tokens} tokens: log-probability {total:.4f}, perplexity {perplexity:.4f}",
        file=sys.stderr,
    )
    return 0


def _number(files: Sequence[str]) -> int | None:
    """How many pairs there are, where that is known beforehand: in two files or one table, not on the hub."""
    from regard.data.hub import HUB
    from regard.data.sources import is_table

    alone = len(files) == (1 if is_table(files[0]) else min(len(files), 2))
    return lines_of(Path(files[0])) if alone and not files[0].startswith(HUB) else None


def _chunks(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    while chunk := list(islice(pairs, CHUNK)):
        yield chunk


def _line(one: Scored, form: str) -> str:
    figures = {
        "log_probability": one.log_probability,
        "per_token": one.per_token,
        "perplexity": one.perplexity,
    }
    if form == "tsv":
        return "\t".join(f"{figure:.6f}" for figure in figures.values())
    told = {name: figure if math.isfinite(figure) else None for name, figure in figures.items()}
    record = {"source": one.source, "target": one.target, **told}
    return json.dumps(
        record | {"tokens": one.tokens, "log_probabilities": one.log_probabilities}, ensure_ascii=False
    )
