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
  regard info runs/demo
  regard info --warm-up     # compile the kernels now, not in the first run"""


def main(arguments: Sequence[str]) -> int:
    """Print facts, one a line."""
    parser = Parser("info", usage="regard info [MODEL] [options]", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("model", nargs="?", metavar="MODEL", type=Path, help="a model folder")
    parser.add_argument(
        "--warm-up",
        action="store_true",
        help="compile the kernels for this CPU now, and keep them in the cache (NUMBA_CACHE_DIR moves it)",
    )
    options = parser.parse_args(arguments)
    if options.warm_up:
        return _warm_up()

    from regard.lab.info import machine_facts, model_facts

    facts = machine_facts() | (model_facts(options.model) if options.model else {})
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")
    return 0


def _warm_up() -> int:
    import torch

    from regard.cli.options import progress
    from regard.kernels import choose_backend
    from regard.lab.warm_up import num_models, warm_up

    choice = choose_backend("auto", torch.device("cpu"))
    if choice.backend == "plain":
        print(f"there is nothing to compile here: kernels are {choice}")
        return 0
    with progress("kinds of models", num_models()) as watch:
        result = warm_up(watch)
    print(f"compiled the kernels of {result.num_models} kinds of models in {result.seconds:.0f} s")
    return 0
