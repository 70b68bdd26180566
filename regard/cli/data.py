"""`regard data`: generate the embedded corpus, describe any corpus."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_GRAMMAR = """\
Write the embedded German-English corpus as files: train, validation and test, no sentence in two of them; test
sets of fixed lengths from 2 to 60 words; and constructions that training never shows. Each set is three
line-parallel files: .de, .en, and .links with the gold word links (Pharaoh: 0-1, and 0p1 where merely possible).
The same seed gives the same bytes."""

_STATS = """\
Describe a corpus: one file, or anything `regard train --data.train` takes: line-parallel files in twos, TSV, JSON
lines, hub:NAME; packed or not. Lengths, vocabulary, ratio of lengths, duplicates, empty lines, odd and invisible
characters, frequent words, longest lines."""


_GRAMMAR_EXAMPLES = """\
examples:
  regard data grammar --out corpus
  regard data grammar --pairs 1000000 --seed 7 --out corpus"""

_STATS_EXAMPLES = """\
examples:
  regard data stats corpus/train.de corpus/train.en
  regard data stats pairs.tsv.gz --columns 2 1"""


def main(arguments: Sequence[str]) -> int:
    """Parse, generate or describe."""
    parser = Parser("data", description="Generate the embedded corpus (grammar) or describe any (stats).")
    what = parser.add_subparsers(dest="what", metavar="grammar|stats", required=True)
    grammar = what.add_parser(
        "grammar", help="write the embedded corpus as files", description=_GRAMMAR, epilog=_GRAMMAR_EXAMPLES
    )
    grammar.add_argument("--pairs", type=int, default=60_000, help="training pairs (default: 60000)")
    grammar.add_argument("--seed", type=int, default=1, help="(default: 1)")
    grammar.add_argument("--out", type=Path, required=True, help="the folder to write into")
    grammar.add_argument("--overwrite", action="store_true", help="replace what was generated there before")
    stats = what.add_parser("stats", help="describe any corpus", description=_STATS, epilog=_STATS_EXAMPLES)
    stats.add_argument("files", nargs="+", metavar="FILE", help="one file, or source and target, or tables")
    stats.add_argument(
        "--columns",
        nargs=2,
        default=[],
        metavar=("SOURCE", "TARGET"),
        help="of tables: numbers from 1, or names",
    )
    options = parser.parse_args(arguments)
    if options.what == "grammar":
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
        found = corpus_stats(files, columns, watch=watch)
    Console(highlight=False).print(found)
    return 0
