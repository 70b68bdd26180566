"""What `regard explain --faithful` takes and does."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from regard.cli import Parser
from regard.cli.options import add_table_options, check_place, load_model, progress, table_options

EXAMPLES = """\
  regard explain runs/demo --faithful test.de
  regard explain runs/demo --faithful test.de test.en --report report.html"""


def add_faithful_options(parser: Parser) -> None:
    """--faithful, and what goes with it alone."""
    group = parser.add_argument_group(
        "over a corpus",
        "does attention explain this model? Measured on sentences of a file, in place of SENTENCE",
    )
    add = group.add_argument
    add(
        "--faithful",
        nargs="+",
        metavar="FILE",
        help="a source file (the model's own translations are forced), or source and target, or one TSV",
    )
    add("--sentences", type=int, default=200, metavar="N", help="drawn from the file (default: 200)")
    add("--seed", type=int, default=1, metavar="N", help="what is drawn and permuted (default: 1)")
    add("--links", type=Path, help="gold word links, Pharaoh format: 0-1 sure, 0p1 or 0?1 possible")
    add("--one-indexed", action="store_true", help="the gold links count words from 1")
    add(
        "--report", type=Path, metavar="FILE", help="write all figures and sentences to look at: .html or .md"
    )
    add("--worst", type=int, default=5, metavar="N", help="sentences in the report (default: 5)")
    add(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="samples behind each interval; 0: none (1000)",
    )
    add("--json", action="store_true", help="figures and verdict as JSON in place of tables")
    add_table_options(parser)


def show_faithfulness_of(parser: Parser, options: Namespace) -> int:
    """Measure, show, report."""
    if options.model is None or options.sentence:
        parser.error(
            "--faithful: expected MODEL before it and no SENTENCE; it measures the sentences of FILE"
        )
    if len(options.faithful) > 2:
        parser.error(f"--faithful: expected one or two files, got {len(options.faithful)}")

    from rich.console import Console

    from regard.lab.faithful.faithfulness import faithfulness, open_attentive
    from regard.lab.faithful.terminal import show_faithfulness
    from regard.lab.report import check_report, write_report
    from regard.lab.test_sets import has_sources_only, read_sources, read_test_set

    if options.report:
        check_report(options.report, options.worst)
        check_place(options.report)
    files = options.faithful
    alone = has_sources_only(files) and not options.columns
    if alone and options.links:
        parser.error("--links: link words of a source and its target; give both files to --faithful")
    table = table_options(options, [options.model], files)
    test_set = (
        read_sources(files[0]) if alone else read_test_set(files, options.links, options.one_indexed, table)
    )
    translator = open_attentive(load_model(options))
    number = min(options.sentences, len(test_set))
    with progress("sentences", number) as watch:
        found = faithfulness(
            translator,
            test_set,
            sentences=options.sentences,
            seed=options.seed,
            bootstrap=options.bootstrap,
            watch=watch,
        )
    if options.json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        Console(highlight=False).print(show_faithfulness(found), crop=False)
    if options.report:
        write_report(found, options.report, options.model, files, options.worst)
        print(f"written: {options.report}", file=sys.stderr)
    return 0
