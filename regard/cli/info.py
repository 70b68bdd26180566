"""`regard info`: describe this machine, and a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser

_DESCRIPTION = """\
Show versions, processor, GPUs, and what "auto" chooses here: the device, the precision of matrix products, and
whether compiled kernels run. With a model, also its parts, sizes and vocabularies. Please add the output to bug
reports."""

_EXAMPLES = """\
examples:
  regard info
  regard info runs/demo"""


def main(arguments: Sequence[str]) -> int:
    """Print facts, one a line."""
    parser = Parser("info", usage="regard info [MODEL] [options]", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("model", nargs="?", metavar="MODEL", type=Path, help="a model folder")
    options = parser.parse_args(arguments)

    from regard.lab.info import machine_facts, model_facts

    facts = machine_facts() | (model_facts(options.model) if options.model else {})
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")
    return 0
