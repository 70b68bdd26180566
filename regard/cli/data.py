"""`regard data`: generate the embedded corpus, or describe any corpus."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_GRAMMAR = """\
Write the embedded German-English corpus to files: train, validation and test, without a sentence in common; a
test set with fixed lengths from 2 to 60 words; and test sets of constructions that are never in training. Each
set is three line-parallel files: .de, .en, and .links with the gold word links (Pharaoh format: 0-1, or 0p1 if
only possible). The same seed gives the same bytes."""

_STATS = """\
Describe a corpus: lengths, vocabulary, length ratios, duplicates, empty lines, unusual and invisible
characters, frequent words, longest lines. FILES are a single text, or anything that `regard train --data.train`
accepts: pairs of line-parallel files, TSV, JSON lines, hub:NAME; compressed or not."""


_GRAMMAR_EXAMPLES = """\
examples:
  regard data grammar --out corpus
  regard data grammar --pairs 1000000 --seed 7 --out corpus"""

_STATS_EXAMPLES = """\
examples:
  regard data stats corpus/train.de corpus/train.en
  regard data stats pairs.tsv.gz --columns 2 1"""


def main(arguments: Sequence[str]) -> int:
    """Generate or describe a corpus."""
    parser = Parser(
        "data",
        usage="regard data grammar --out FOLDER [options]\n       regard data stats FILES [options]",
        description="Generate the embedded corpus (grammar), or describe any corpus (stats).",
    )
    action = parser.add_subparsers(dest="action", metavar="grammar|stats", required=True, prog="regard data")
    grammar = action.add_parser(
        "grammar", help="write the embedded corpus to files", description=_GRAMMAR, epilog=_GRAMMAR_EXAMPLES
    )
    add = grammar.add_argument
    add("--pairs", type=int, default=60_000, metavar="N", help="training pairs (default: 60000)")
    add("--seed", type=int, default=1, metavar="N", help="seed of the generator (default: 1)")
    add("--out", type=Path, required=True, metavar="FOLDER", help="the folder to write to")
    add("--overwrite", action="store_true", help="replace an earlier corpus in that folder")
    stats = action.add_parser("stats", help="describe any corpus", description=_STATS, epilog=_STATS_EXAMPLES)
    stats.add_argument("files", nargs="+", metavar="FILES", help="one text, or source and target, or tables")
    stats.add_argument(
        "--columns",
        nargs=2,
        default=[],
        metavar=("SOURCE", "TARGET"),
        help="columns of tables: numbers from 1, or names",
    )
    options = parser.parse_args(arguments)
    if options.action == "grammar":
        return _write_grammar(options)
    return _describe(options.files, options.columns)


def _write_grammar(options: Namespace) -> int:
    from regard.cli.options import progress
    from regard.lab.grammar_files import write_grammar

    with progress("pairs", None) as watch:
        write_grammar(
            options.out, options.pairs, options.seed, overwrite=options.overwrite, tell=print, watch=watch
        )
    return 0


def _describe(files: list[str], columns: list[str]) -> int:
    from rich.console import Console

    from regard.cli.options import progress
    from regard.data import corpus_stats

    with progress("lines", None) as watch:
        stats = corpus_stats(files, columns, watch=watch)
    Console(highlight=False).print(stats)
    return 0
