"""`regard data`: generate the embedded corpus, describe any corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_GRAMMAR = """\
Write the embedded German-English corpus as files: train, validation and test, no sentence in two of them; test
sets of fixed lengths from 2 to 60 words; and constructions that training never shows. Each set is three
line-parallel files: .de, .en, and .links with the gold word links (Pharaoh: 0-1, and 0p1 where merely possible).
The same seed gives the same bytes."""

_STATS = """\
Describe a corpus: one file, two line-parallel files, or one TSV. Lengths, vocabulary, ratio of lengths,
duplicates, empty lines, odd characters, frequent words, longest lines."""


_GRAMMAR_EXAMPLES = """\
examples:
  regard data grammar --out corpus
  regard data grammar --pairs 1000000 --seed 7 --out corpus"""

_STATS_EXAMPLES = """\
examples:
  regard data stats corpus/train.de corpus/train.en
  regard data stats pairs.tsv"""


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
    stats = what.add_parser("stats", help="describe any corpus", description=_STATS, epilog=_STATS_EXAMPLES)
    stats.add_argument("files", nargs="+", metavar="FILE", help="one file, or source and target")
    options = parser.parse_args(arguments)
    if options.what == "grammar":
        return _write_grammar(options.pairs, options.seed, options.out)
    return _describe(options.files)


def _write_grammar(num_pairs: int, seed: int, out: Path) -> int:
    from regard.lab.grammar_files import write_files

    write_files(out, num_pairs, seed, tell=print)
    return 0


def _describe(files: list[str]) -> int:
    from rich.console import Console

    from regard.data import corpus_stats

    Console(highlight=False).print(corpus_stats(files))
    return 0
