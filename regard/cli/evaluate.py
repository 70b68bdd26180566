"""`regard evaluate`: how good a model's translations are, and where."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser
from regard.cli.options import (
    add_figure_options,
    add_machine_options,
    add_search_options,
    add_table_options,
    check_place,
    figure_options,
    open_system,
    progress,
    search_options,
    table_options,
    warn_of_long,
    whole_output,
)

_DESCRIPTION = """\
Translate a test set and compare with its references: BLEU, chrF, TER, exact match, word and character error rate,
with signatures and 95 % intervals; by the length of the source; by how often training saw a word; and, given gold
word links, the alignment error rate of attention beside that of the diagonal. --report shows the worst sentences too,
and what attention did in them.
SYSTEM is a model folder, or a file of translations, line by line. FILES are two line-parallel files (source,
reference) or one TSV. Each source is translated as one sentence, as `translate --split-sentences never` does.

Shared tasks on grapheme-to-phoneme call 100 - exact match their WER; their PER is the WER here, where a word is what
stands between spaces: a phoneme. All compare in Unicode NFC."""

_EXAMPLES = """\
examples:
  regard evaluate runs/demo test.de test.en
  regard evaluate runs/demo test.de test.en --report report.html
  regard evaluate runs/demo test.de test.en --links test.links
  regard evaluate output.en test.de test.en --references other.en
  regard evaluate runs/demo test.tsv --json > figures.json"""


def main(arguments: Sequence[str]) -> int:
    """Parse, evaluate, show."""
    parser = Parser("evaluate", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("system", metavar="SYSTEM", help="a model folder, or a file of translations")
    add("files", nargs="+", metavar="FILES", help="source and reference, or one TSV")
    add(
        "--translations",
        type=Path,
        metavar="FILE",
        help="judge these, in place of translating with the model",
    )
    add("--links", type=Path, help="gold word links, Pharaoh format: 0-1 sure, 0p1 or 0?1 possible")
    add("--one-indexed", action="store_true", help="the gold links count words from 1")
    add("--report", type=Path, metavar="FILE", help="write figures and worst sentences: .html or .md")
    add(
        "--worst",
        type=int,
        default=10,
        metavar="N",
        help="sentences of each kind in the report (default: 10)",
    )
    add("--plot", type=Path, metavar="FILE", help="draw BLEU by length: .png, .pdf or .svg")
    add("--save", type=Path, metavar="FILE", help="write the translations to a file")
    add("--json", action="store_true", help="figures as JSON in place of tables")
    add_table_options(parser)
    add_figure_options(parser)
    add_search_options(parser)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from rich.console import Console

    from regard.explain import plot_bleu_by_length
    from regard.explain.plot import check_suffix
    from regard.lab.evaluate import evaluate
    from regard.lab.report import check_report, write_report
    from regard.lab.systems import own_training_text
    from regard.lab.tables import show_evaluation
    from regard.lab.test_sets import read_test_set

    if options.plot:
        check_suffix(options.plot)
    if options.report:
        check_report(options.report, options.worst)
    for place in (options.save, options.report):
        if place:
            check_place(place)
    test_set = read_test_set(
        options.files,
        options.links,
        options.one_indexed,
        table_options(options, [options.system], options.files),
    )
    system = open_system(options.system, options)
    with progress("sentences", len(test_set) * (2 if options.links else 1)) as watch:
        found = evaluate(
            system,
            test_set,
            translations=options.translations,
            training_text=options.train_text or own_training_text(options.system),
            watch=watch,
            **figure_options(options),
            **search_options(options),
        )
    warn_of_long(options.system, found.num_long)
    if options.json:
        print(json.dumps(found.figures(), ensure_ascii=False, indent=2))
    else:
        Console(highlight=False).print(show_evaluation(found), crop=False)
    if options.save:
        with whole_output(options.save) as write:
            write("".join(text + "\n" for text in found.translations))
    if options.plot:
        plot_bleu_by_length({Path(options.system).name: found.by_length}, options.plot)
        print(f"drawn: {options.plot}", file=sys.stderr)
    if options.report:
        names = [str(file) for file in options.files]
        write_report(found, options.report, options.system, names, options.worst)
        print(f"written: {options.report}", file=sys.stderr)
    return 0
