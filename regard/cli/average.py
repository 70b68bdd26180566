"""`regard average`: average the weights of several models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_DESCRIPTION = """\
Average the weights of models of the same architecture and vocabulary: the last or best checkpoints of a run.
With --training.average N, training keeps its N best checkpoints in OUT/checkpoints and averages them itself at
the end."""

_EXAMPLES = """\
examples:
  regard average runs/mine/checkpoints/* --out runs/mean"""


def main(arguments: Sequence[str]) -> int:
    """Average models, and print the folder of the new one."""
    parser = Parser(
        "average",
        usage="regard average MODEL MODEL ... --out OUT",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument("models", metavar="MODEL", nargs="+", type=Path, help="two or more model folders")
    parser.add_argument("--out", required=True, type=Path, help="the folder of the new model")
    options = parser.parse_args(arguments)

    from regard.training import average

    print(average(options.models, options.out))
    return 0
