"""`regard score`: score existing translations by their probability under a model."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from regard.atomic_writes import atomic_text
from regard.cli import Parser, fast_imports
from regard.cli.options import (
    add_machine_options,
    add_table_options,
    lines_of,
    load_model,
    progress,
    table_options,
)
from regard.cli.search_options import add_ensemble_option

if TYPE_CHECKING:
    from regard.records.text import Pair, Scored

CHUNK_SIZE = 1024  # pairs read before any is written; within a chunk similar lengths are scored together

_DESCRIPTION = """\
Force a model to output existing translations, and write for each pair a line of: the log-probability in nats,
its mean per token, and the perplexity, separated by TABs. End-of-sentence counts as a token; with an empty
source nothing is scored. Totals go to standard error.

FILES are two line-parallel files (source, translation) or one table: TSV, JSON lines, hub:NAME."""

_EXAMPLES = """\
examples:
  regard score runs/demo test.de test.en > scores.tsv
  regard score runs/demo candidates.tsv --format jsonl

jsonl writes one object a line: source, target, log_probability, per_token, perplexity, tokens, log_probabilities (of
each token)."""


def main(arguments: Sequence[str]) -> int:
    """Score pairs, and write a line for each."""
    parser = Parser(
        "score",
        usage="regard score MODEL FILES [options] > OUTPUT",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("files", nargs="+", metavar="FILES", help="source and translation, or one table")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="write to this file, which appears once it is complete, in place of standard output",
    )
    add("--format", choices=("tsv", "jsonl"), default="tsv", help="tsv, or one JSON object a line")
    add("--batch-size", type=int, metavar="N", help="pairs scored together (default: the model's recipe)")
    add_table_options(parser)
    add_ensemble_option(add)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    with fast_imports():
        from regard.data import read_pairs

        table = table_options(options, [options.model, *options.ensemble], options.files)
        pairs = read_pairs(options.files, table.columns, table.features, split="test")
        translator = load_model(options)
    total, num_tokens, num_pairs = 0.0, 0, 0
    with ExitStack() as stack:
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
        write = stack.enter_context(atomic_text(options.output)) if options.output else sys.stdout.write
        watch = stack.enter_context(progress("pairs", _num_pairs(options.files)))
        for chunk in _chunks(pairs):
            sources, targets = [pair.source for pair in chunk], [pair.target for pair in chunk]
            for scored in translator.score(sources, targets, batch_size=options.batch_size, watch=watch):
                write(_line(scored, options.format) + "\n")
                total += scored.log_probability
                num_tokens += len(scored.tokens)
                num_pairs += 1
    perplexity = math.exp(-total / num_tokens) if num_tokens else math.nan
    print(
        f"{num_pairs} pairs, {num_tokens} tokens: log-probability {total:.4f}, perplexity {perplexity:.4f}",
        file=sys.stderr,
    )
    return 0


def _num_pairs(files: Sequence[str]) -> int | None:
    """Return the number of pairs in two files or one table; None for the hub, where it is unknown."""
    from regard.data.hub import HUB
    from regard.data.sources import is_table

    is_one_corpus = len(files) == (1 if is_table(files[0]) else min(len(files), 2))
    return lines_of(Path(files[0])) if is_one_corpus and not files[0].startswith(HUB) else None


def _chunks(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    while chunk := list(islice(pairs, CHUNK_SIZE)):
        yield chunk


def _line(scored: Scored, output_format: str) -> str:
    figures = {
        "log_probability": scored.log_probability,
        "per_token": scored.per_token,
        "perplexity": scored.perplexity,
    }
    if output_format == "tsv":
        return "\t".join(f"{figure:.6f}" for figure in figures.values())
    finite = {name: figure if math.isfinite(figure) else None for name, figure in figures.items()}
    record = {"source": scored.source, "target": scored.target, **finite}
    return json.dumps(
        record | {"tokens": scored.tokens, "log_probabilities": scored.log_probabilities}, ensure_ascii=False
    )
