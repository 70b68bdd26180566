"""`regard prepare`: turn text files into token ids, for one training or several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from regard.cli import Parser
from regard.cli.options import progress, recipe_list
from regard.cli.train import split_overrides

_DESCRIPTION = """\
Read, clean and tokenise sentence pairs, and write all that training needs to a folder: token ids, tokenisers,
validation pairs, and report.md, which says what was dropped and why. `regard train` does the same by itself;
use this to look at the data first, or to train several models on it. RECIPE is a YAML file or one of the
packaged recipes:
{recipes}
Only its keys data.… and tokeniser.… matter. They can also be given as options; `regard train --keys` lists
them."""

_EXAMPLES = """\
examples:
  regard prepare multi30k --data.train train.de train.en --out prepared/mine
  regard prepare multi30k --data.train a.tsv.xz b.jsonl hub:NAME \\
      --data.weights 1 1 0.5 --data.drop_duplicates true --out prepared/all
  regard prepare inflection --data.train words.tsv --out prepared/forms
  regard train bahdanau2015 --prepared prepared/mine --out runs/mine"""


def main(arguments: Sequence[str]) -> int:
    """Prepare data, and print the path of the report."""
    own, overrides = split_overrides(arguments)
    parser = Parser(
        "prepare",
        usage="regard prepare [RECIPE] --out FOLDER [--data.KEY VALUE ...]",
        description=_DESCRIPTION.format(recipes=recipe_list()),
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="RECIPE", help="a YAML file or the name of a packaged recipe")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the folder to write, which appears once it is complete",
    )
    add("--overwrite", action="store_true", help="replace earlier prepared data in that folder")
    add("--KEY VALUE", dest="unused", metavar="", help="any key of the recipe: --tokeniser.size 4000")
    options = parser.parse_args(own)

    from rich.console import Console

    from regard.training import prepare

    tell = partial(Console(stderr=True, highlight=False).print, markup=False, soft_wrap=True)
    prepare(
        options.recipe,
        out=options.out,
        overrides=overrides,
        overwrite=options.overwrite,
        log=tell,
        start_progress=progress,
    )
    print(options.out / "report.md")
    return 0
