"""`regard faithful`: measure over a corpus whether attention explains a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from regard.atomic_writes import check_writable
from regard.cli import Parser
from regard.cli.options import add_machine_options, add_table_options, load_model, progress, table_options

_DESCRIPTION = """\
A heat map shows where a model attends. Whether that is why it writes what it writes is measured here, on
sentences drawn from a test set: the attention weights are compared with what really changes the output (source
words left out, gradients), and replaced by others (permuted, uniform). Every figure has a baseline and a 95 %
interval, and rules that are stated beside them give a verdict: yes, in part, or no (Jain & Wallace 2019;
Wiegreffe & Pinter 2019).

FILES are two line-parallel files (source, target), one table, or a source alone: then the model's own
translations are measured."""

_EXAMPLES = """\
examples:
  regard faithful runs/demo test.de test.en
  regard faithful runs/demo test.de
  regard faithful runs/demo test.de test.en --links test.links
  regard faithful runs/demo test.de test.en --report faithful.html"""


def main(arguments: Sequence[str]) -> int:
    """Measure, show, and write the report."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if len(options.files) > 2:
        parser.error(f"FILES: expected one or two, got {len(options.files)}")

    from regard.lab.faithful.faithfulness import faithfulness, open_attentive
    from regard.lab.report import check_report, write_report
    from regard.lab.test_sets import has_sources_only, read_sources, read_test_set

    if options.report:
        check_report(options.report, options.worst)
        check_writable(options.report)
    if has_sources_only(options.files) and not options.columns:
        if options.links:
            parser.error("--links: expected FILES to be source and target, whose words the links connect")
        test_set = read_sources(options.files[0])
    else:
        table = table_options(options, [options.model], options.files)
        test_set = read_test_set(options.files, options.links, options.one_indexed, table)
    translator = open_attentive(load_model(options))
    with progress("sentences", min(options.sentences, len(test_set))) as watch:
        result = faithfulness(
            translator,
            test_set,
            sentences=options.sentences,
            seed=options.seed,
            bootstrap=options.bootstrap,
            watch=watch,
        )
    if options.json:
        print(json.dumps(result.as_json(), ensure_ascii=False, indent=2))
    else:
        from rich.console import Console

        from regard.lab.faithful.terminal import show_faithfulness

        Console(highlight=False).print(show_faithfulness(result), crop=False)
    if options.report:
        write_report(result, options.report, options.model, options.files, options.worst)
        print(f"written: {options.report}", file=sys.stderr)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "faithful",
        usage="regard faithful MODEL FILES [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("files", nargs="+", metavar="FILES", help="a source, or source and target, or one table")
    add("--sentences", type=int, default=200, metavar="N", help="sentences to draw (default: 200)")
    add("--seed", type=int, default=1, metavar="N", help="seed of the draw and of permutations (default: 1)")
    add(
        "--links",
        type=Path,
        metavar="FILE",
        help="gold word links, Pharaoh format: 0-1 sure, 0p1 or 0?1 possible",
    )
    add("--one-indexed", action="store_true", help="the gold links count words from 1")
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="write all figures, and sentences where weights mislead: .html or .md",
    )
    add("--worst", type=int, default=5, metavar="N", help="sentences in the report (default: 5)")
    add(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="samples behind each 95 %% interval; 0: no intervals (default: 1000)",
    )
    add("--json", action="store_true", help="print figures and verdict as JSON in place of tables")
    add_table_options(parser)
    add_machine_options(parser)
    return parser
