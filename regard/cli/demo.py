"""`regard demo`: see what attention does, in four minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser
from regard.cli.train import split_overrides

_DESCRIPTION = """\
Train two small models on as many tokens of the embedded German-English grammar, one that squeezes each sentence
into a fixed vector and one with attention; then compare them on sentences that were not in training:
translations, a heat map, BLEU by sentence length, word alignment. Needs no download. Takes about 4 minutes on 2
CPU cores; while other programs are busy, add --training.threads 1. The models are written to OUT and
OUT-fixed-vector."""

_EXAMPLES = """\
examples:
  regard demo
  regard demo --out runs/longer --training.epochs 6"""


def main(arguments: Sequence[str]) -> int:
    """Run the demo."""
    own, overrides = split_overrides(arguments)
    parser = Parser("demo", usage="regard demo [options]", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/demo"),
        help="folder of the attention model (default: runs/demo)",
    )
    parser.add_argument(
        "--KEY VALUE", dest="unused", metavar="", help="any key of the recipes: --training.epochs 6"
    )
    options = parser.parse_args(own)

    from rich.console import Console

    from regard.lab.demo import demo

    demo(options.out, Console(highlight=False), overrides)
    return 0
