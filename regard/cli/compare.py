"""`regard compare`: compare systems side by side, with significance tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

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

_DESCRIPTION = """\
Evaluate systems on the same test set and show them side by side. The first is the baseline: for every other
system and each figure, p is the probability that chance alone causes a difference as large (paired approximate
randomisation; * marks p < 0.05).

A SYSTEM is a model folder, or a file with one translation a line."""

_EXAMPLES = """\
examples:
  regard compare runs/fixed runs/attention --test test.de test.en
  regard compare mine.en yours.en --test test.tsv
  regard compare runs/a runs/b runs/c --test test.de test.en --plot lengths.png"""


def main(arguments: Sequence[str]) -> int:
    """Compare systems, show the figures, and draw them if asked for."""
    parser = Parser(
        "compare",
        usage="regard compare SYSTEM SYSTEM ... --test FILE [FILE] [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("systems", nargs="+", metavar="SYSTEM", help="the baseline, then one or more systems")
    add("--test", nargs="+", required=True, metavar="FILE", help="source and reference, or one table")
    add("--trials", type=int, default=10_000, metavar="N", help="trials behind each p (default: 10000)")
    add("--plot", type=Path, metavar="FILE", help="draw BLEU by length: .png, .pdf or .svg")
    add("--json", action="store_true", help="print figures as JSON in place of tables")
    add_table_options(parser)
    add_figure_options(parser)
    add_search_options(parser)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from regard.lab.comparison import compare, system_names
    from regard.lab.systems import own_training_text
    from regard.lab.test_sets import read_test_set

    if options.plot:
        from regard.explain.plot import check_suffix

        check_suffix(options.plot)
    test_set = read_test_set(options.test, table=table_options(options, options.systems, options.test))
    systems = {name: open_system(str(path), options) for name, path in system_names(options.systems).items()}
    with progress("sentences", len(test_set) * len(systems)) as watch:
        comparison = compare(
            systems,
            test_set,
            training_text=options.train_text or own_training_text(options.systems[0]),
            trials=options.trials,
            watch=watch,
            **figure_options(options),
            **search_options(options),
        )
    for name, evaluation in comparison.evaluations.items():
        warn_of_long(name, evaluation.num_long)
    if options.json:
        print(json.dumps(comparison.figures(), ensure_ascii=False, indent=2))
    else:
        from rich.console import Console

        from regard.lab.tables import show_comparison

        Console(highlight=False).print(show_comparison(comparison), crop=False)
    if options.plot:
        from regard.explain import plot_bleu_by_length

        bins = {name: evaluation.by_length for name, evaluation in comparison.evaluations.items()}
        plot_bleu_by_length(bins, options.plot)
        print(f"drawn: {options.plot}", file=sys.stderr)
    return 0
