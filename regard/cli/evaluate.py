"""`regard evaluate`: how good a model's translations are, and where."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser
from regard.cli.options import (
    add_machine_options,
    add_search_options,
    check_place,
    load_model,
    progress,
    search_options,
    whole_output,
)

_DESCRIPTION = """\
Translate a test set and compare with its references: BLEU and chrF with sacrebleu's signatures, BLEU by the length
of the source, and, given gold word links, the alignment error rate of attention beside that of the diagonal.
FILES are two line-parallel files (source, reference) or one TSV."""

_EXAMPLES = """\
examples:
  regard evaluate runs/demo test.de test.en
  regard evaluate runs/demo test.de test.en --links test.links --plot lengths.png
  regard evaluate runs/demo test.tsv --json > figures.json"""


def main(arguments: Sequence[str]) -> int:
    """Parse, evaluate, show."""
    parser = Parser("evaluate", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("files", nargs="+", metavar="FILES", help="source and reference, or one TSV")
    add("--links", type=Path, help="gold word links, Pharaoh format: 0-1 sure, 0p1 or 0?1 possible")
    add("--one-indexed", action="store_true", help="the gold links count words from 1")
    add("--plot", type=Path, metavar="FILE", help="draw BLEU by length: .png, .pdf or .svg")
    add("--save", type=Path, metavar="FILE", help="write the translations to a file")
    add("--lowercase", action="store_true", help="compare without regard to case")
    add(
        "--tokenise",
        default="13a",
        help="sacrebleu's tokeniser: 13a, none, zh, ja-mecab, char … (default: 13a)",
    )
    add("--json", action="store_true", help="figures as JSON in place of tables")
    add_search_options(parser)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from rich.console import Console

    from regard.explain import plot_bleu_by_length
    from regard.explain.plot import check_suffix
    from regard.lab.evaluation import evaluate, read_test_set, show_evaluation

    if options.plot:
        check_suffix(options.plot)
    if options.save:
        check_place(options.save)
    test_set = read_test_set(options.files, options.links, options.one_indexed)
    translator = load_model(options)
    with progress("sentences", len(test_set) * (2 if options.links else 1)) as watch:
        found = evaluate(
            translator,
            test_set,
            lowercase=options.lowercase,
            tokenise=options.tokenise,
            watch=watch,
            **search_options(options),
        )
    if options.json:
        print(json.dumps(found.figures(), ensure_ascii=False, indent=2))
    else:
        Console(highlight=False).print(show_evaluation(found))
    if options.save:
        with whole_output(options.save) as write:
            write("".join(text + "\n" for text in found.translations))
    if options.plot:
        plot_bleu_by_length({Path(options.model).name: found.by_length}, options.plot)
        print(f"drawn: {options.plot}", file=sys.stderr)
    return 0
