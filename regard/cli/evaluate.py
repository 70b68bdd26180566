"""`regard evaluate`: measure how good a model's translations are, and where they are poor."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regard.atomic_writes import atomic_text, check_writable
from regard.cli import Parser
from regard.cli.options import (
    add_figure_options,
    add_machine_options,
    add_table_options,
    figure_options,
    open_system,
    progress,
    table_options,
    warn_of_long,
)
from regard.cli.search_options import add_search_options, search_options

if TYPE_CHECKING:
    from regard.lab.evaluation import Evaluation

_DESCRIPTION = """\
Translate a test set and compare the translations with its references: BLEU, chrF, TER, exact match, word and
character error rate, with signatures and confidence intervals; by source length; by the frequency of words in
training; and, with gold word links, the alignment error rate of attention and of the diagonal. --report also
shows the worst sentences and their attention.

SYSTEM is a model folder, or a file with one translation a line. FILES are two line-parallel files (source,
reference) or one table. Each source is translated as one sentence, as `translate --split-sentences never` does.

Shared tasks on grapheme-to-phoneme report 100 - exact match as WER, and as PER what is WER here, each phoneme
being a word. All texts are compared in Unicode NFC."""

_EXAMPLES = """\
examples:
  regard evaluate runs/demo test.de test.en
  regard evaluate runs/demo test.de test.en --report report.html
  regard evaluate runs/demo test.de test.en --links test.links
  regard evaluate output.en test.de test.en --references other.en
  regard evaluate runs/demo test.tsv --json > figures.json"""


def main(arguments: Sequence[str]) -> int:
    """Evaluate, show the figures, and write what is asked for."""
    parser = _parser()
    options = parser.parse_args(arguments)

    from regard.lab.evaluate import evaluate
    from regard.lab.systems import own_training_text
    from regard.lab.test_sets import read_test_set

    _check_outputs(options)
    test_set = read_test_set(
        options.files,
        options.links,
        options.one_indexed,
        table_options(options, [options.system], options.files),
    )
    system = open_system(options.system, options)
    with progress("sentences", len(test_set) * (2 if options.links else 1)) as watch:
        evaluation = evaluate(
            system,
            test_set,
            translations=options.translations,
            training_text=options.train_text or own_training_text(options.system),
            watch=watch,
            **figure_options(options),
            **search_options(options),
        )
    warn_of_long(options.system, evaluation.num_long)
    _show(evaluation, options.json)
    _write_outputs(evaluation, options)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "evaluate",
        usage="regard evaluate SYSTEM FILES [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("system", metavar="SYSTEM", help="a model folder, or a file of translations")
    add("files", nargs="+", metavar="FILES", help="source and reference, or one table")
    add(
        "--translations",
        type=Path,
        metavar="FILE",
        help="evaluate these translations in place of the model's own, and force the model through them",
    )
    add(
        "--links",
        type=Path,
        metavar="FILE",
        help="gold word links, Pharaoh format: 0-1 sure, 0p1 or 0?1 possible",
    )
    add("--one-indexed", action="store_true", help="the gold links count words from 1")
    add("--report", type=Path, metavar="FILE", help="write figures and the worst sentences: .html or .md")
    add(
        "--worst",
        type=int,
        default=10,
        metavar="N",
        help="sentences of each kind in the report (default: 10)",
    )
    add("--plot", type=Path, metavar="FILE", help="draw BLEU by length: .png, .pdf or .svg")
    add("--save", type=Path, metavar="FILE", help="write the translations to a file")
    add("--json", action="store_true", help="print figures as JSON in place of tables")
    add_table_options(parser)
    add_figure_options(parser)
    add_search_options(parser)
    add_machine_options(parser)
    return parser


def _check_outputs(options: Namespace) -> None:
    """Find mistakes in the names of files before anything is translated."""
    if options.plot:
        from regard.explain.plot import check_suffix

        check_suffix(options.plot)
    if options.report:
        from regard.lab.report import check_report

        check_report(options.report, options.worst)
    for file in (options.save, options.report):
        if file:
            check_writable(file)


def _show(evaluation: Evaluation, as_json: bool) -> None:
    if as_json:
        print(json.dumps(evaluation.figures(), ensure_ascii=False, indent=2))
        return

    from rich.console import Console

    from regard.lab.tables import show_evaluation

    Console(highlight=False).print(show_evaluation(evaluation), crop=False)


def _write_outputs(evaluation: Evaluation, options: Namespace) -> None:
    if options.save:
        with atomic_text(options.save) as write:
            write("".join(text + "\n" for text in evaluation.translations))
    if options.plot:
        from regard.explain import plot_bleu_by_length

        plot_bleu_by_length({Path(options.system).name: evaluation.by_length}, options.plot)
        print(f"drawn: {options.plot}", file=sys.stderr)
    if options.report:
        from regard.lab.report import write_report

        names = [str(file) for file in options.files]
        write_report(evaluation, options.report, options.system, names, options.worst)
        print(f"written: {options.report}", file=sys.stderr)
