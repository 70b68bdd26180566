"""`regard average`: the mean of the weights of some models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_DESCRIPTION = """\
Average the weights of models of one build and one vocabulary: the last or best checkpoints of a run. With
--training.average N, training keeps its N best in OUT/checkpoints and does the same by itself at its end."""

_EXAMPLES = """\
examples:
  regard average runs/mine/checkpoints/* --out runs/mean"""


def main(arguments: Sequence[str]) -> int:
    """Parse, average, say where the model is."""
    parser = Parser("average", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("models", metavar="MODEL", nargs="+", type=Path, help="two model folders or more")
    parser.add_argument("--out", required=True, type=Path, help="the folder of the new model")
    options = parser.parse_args(arguments)

    from regard.training import average

    print(average(options.models, options.out))
    return 0
