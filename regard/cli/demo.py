"""`regard demo`: what attention is for, in four minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser
from regard.cli.train import split_overrides

_DESCRIPTION = """\
Train two small models on the embedded German-English grammar, one that squeezes each sentence into a fixed vector
and one with attention, on equal tokens; then compare them on sentences that training never showed: translations,
a heat map, BLEU by sentence length, word alignment. Needs no download. About 4 minutes on 2 CPU cores; beside other
busy programs add --training.threads 1. The models are left in OUT and OUT-fixed-vector."""

_EXAMPLES = """\
examples:
  regard demo
  regard demo --out runs/longer --training.epochs 6"""


def main(arguments: Sequence[str]) -> int:
    """Parse, run."""
    own, overrides = split_overrides(arguments)
    parser = Parser("demo", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="model folder (default: runs/demo)"
    )
    options = parser.parse_args(own)

    from rich.console import Console

    from regard.lab.demo import demo

    demo(options.out, Console(highlight=False), overrides)
    return 0
