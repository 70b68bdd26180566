"""`regard compare`: systems side by side, and whether they truly differ."""

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
    figure_options,
    open_system,
    progress,
    search_options,
    table_options,
    warn_of_long,
)

_DESCRIPTION = """\
Evaluate systems on the same test set and put them side by side. The first is the baseline: for each other system and
each figure, p is the probability that chance alone makes as large a difference (paired approximate randomisation;
* marks p < 0.05).
A SYSTEM is a model folder, or a file of translations, line by line."""

_EXAMPLES = """\
examples:
  regard compare runs/fixed runs/attention --test test.de test.en
  regard compare mine.en yours.en --test test.tsv
  regard compare runs/a runs/b runs/c --test test.de test.en --plot lengths.png"""


def main(arguments: Sequence[str]) -> int:
    """Parse, compare, show."""
    parser = Parser("compare", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("systems", nargs="+", metavar="SYSTEM", help="the baseline, then one system or more")
    add("--test", nargs="+", required=True, metavar="FILE", help="source and reference, or one TSV")
    add("--trials", type=int, default=10_000, help="trials behind each p (default: 10000)")
    add("--plot", type=Path, metavar="FILE", help="draw BLEU by length: .png, .pdf or .svg")
    add("--json", action="store_true", help="figures as JSON in place of tables")
    add_table_options(parser)
    add_figure_options(parser)
    add_search_options(parser)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from rich.console import Console

    from regard.explain import plot_bleu_by_length
    from regard.explain.plot import check_suffix
    from regard.lab.comparison import compare, system_names
    from regard.lab.systems import own_training_text
    from regard.lab.tables import show_comparison
    from regard.lab.test_sets import read_test_set

    if options.plot:
        check_suffix(options.plot)
    test_set = read_test_set(options.test, table=table_options(options, options.systems, options.test))
    systems = {name: open_system(str(path), options) for name, path in system_names(options.systems).items()}
    with progress("sentences", len(test_set) * len(systems)) as watch:
        found = compare(
            systems,
            test_set,
            training_text=options.train_text or own_training_text(options.systems[0]),
            trials=options.trials,
            watch=watch,
            **figure_options(options),
            **search_options(options),
        )
    for name, one in found.evaluations.items():
        warn_of_long(name, one.num_long)
    if options.json:
        print(json.dumps(found.figures(), ensure_ascii=False, indent=2))
    else:
        Console(highlight=False).print(show_comparison(found), crop=False)
    if options.plot:
        plot_bleu_by_length({name: one.by_length for name, one in found.evaluations.items()}, options.plot)
        print(f"drawn: {options.plot}", file=sys.stderr)
    return 0
