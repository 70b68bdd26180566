"""`regard info`: what there is to compute with, and what a model is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_DESCRIPTION = """\
Versions, processor, GPUs, and what "auto" makes of them: the device, the precision of matrix products, and
whether compiled kernels run. With a model: its parts, sizes and vocabularies too. Worth adding to a bug report."""

_EXAMPLES = """\
examples:
  regard info
  regard info runs/demo/attention"""


def main(arguments: Sequence[str]) -> int:
    """Parse, look, print."""
    parser = Parser("info", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("model", nargs="?", metavar="MODEL", type=Path, help="a model folder")
    options = parser.parse_args(arguments)

    from regard.lab.info import machine_facts, model_facts

    facts = machine_facts() | (model_facts(options.model) if options.model else {})
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")
    return 0
