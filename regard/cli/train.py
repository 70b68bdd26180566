"""`regard train`: train a model on text files, from a recipe."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from regard import recipe_file
from regard.cli import Parser
from regard.cli.options import recipe_list
from regard.config import Config
from regard.errors import ConfigError

_DESCRIPTION = """\
Train a model. RECIPE is a YAML file or one of the packaged recipes:
{recipes}
Without one, the defaults are used; without --data.train, the embedded German-English grammar. Every key of a
recipe can be overridden by an option of the same name; --keys lists them all."""

_EXAMPLES = """\
examples:
  regard train luong2015
  regard train multi30k --data.train train.de.gz train.en.gz \\
      --data.validation val.de.gz val.en.gz --out runs/mine
  regard train g2p --data.train train.tsv --data.validation dev.tsv
  regard train mine.yaml --model.decoder.cell gru --training.epochs 5
  regard train mine.yaml --dry-run       # sizes, memory, time; trains nothing
  regard train mine.yaml --out runs/mine --resume     # continue after Ctrl-C
  regard train mine.yaml --prepared prepared/mine     # from `regard prepare`
  regard train --init runs/mine --data.train new.de new.en --out runs/tuned"""


def main(arguments: Sequence[str]) -> int:
    """Train, and print the folder of the model; or print keys, recipe or a dry run."""
    own, overrides = split_overrides(arguments)
    parser = _parser()
    options, unknown = parser.parse_known_args(own)
    if unknown:
        parser.error(f"unrecognized {unknown[0]}{_suggestion(unknown[0])}")
    if options.keys:
        print(recipe_file.describe_keys())
        return 0
    overrides += _short_options(options)
    if options.resume and options.dry_run:
        parser.error("--dry-run describes a new run; leave --resume out")
    if options.resume and options.out is None and options.recipe is None:
        parser.error("--resume: expected --out FOLDER, got none; name the run to continue")
    if options.print_config:
        load = _resolve if options.init else recipe_file.load
        print(recipe_file.dump(load(options.recipe, overrides)), end="")
        return 0
    out = options.out or _default_out(options.recipe)
    command = shlex.join(["regard", "train", *arguments])
    return _dry_run(options, out, overrides) if options.dry_run else _train(options, out, overrides, command)


def _short_options(options: Namespace) -> list[str]:
    """Return the overrides that --device, --batch, --init and --threads stand for."""
    values = {
        "device": options.device,
        "batch_tokens": options.batch,
        "init": options.init,
        "threads": options.threads,
    }
    return [f"--training.{key}={value}" for key, value in values.items() if value not in (None, "")]


def _dry_run(options: Namespace, out: Path, overrides: Sequence[str]) -> int:
    from regard.training import describe_dry_run, measure

    facts = measure(
        options.recipe,
        out=out,
        overrides=overrides,
        overwrite=True,  # nothing is written
        prepared=options.prepared,
        log=_messages(),
    )
    print(*describe_dry_run(facts), sep="\n")
    return 0


def _train(options: Namespace, out: Path, overrides: Sequence[str], command: str) -> int:
    from regard.cli.options import progress
    from regard.training import train

    trained = train(
        options.recipe,
        out=out,
        overrides=overrides,
        resume=options.resume,
        overwrite=options.overwrite,
        prepared=options.prepared,
        progress=not options.quiet,
        log=_messages(),
        start_progress=progress,
        command=command,
    )
    if trained.result.interrupted:
        return 130
    if not options.quiet:
        print(*_next_steps(trained.folder), sep="\n", file=sys.stderr)
    print(trained.folder)
    return 0


def _messages() -> Callable[..., None]:
    """Return a function that prints messages on standard error, without colouring numbers."""
    from rich.console import Console

    return partial(Console(stderr=True, highlight=False).print, markup=False, soft_wrap=True)


def _resolve(recipe: str | None, overrides: Sequence[str]) -> Config:
    """Return the recipe, completed by what it takes from the model it starts from."""
    from regard.training.recipe import resolve, with_pretrained_tokenisers  # slow to import

    return with_pretrained_tokenisers(resolve(recipe, (), overrides, None))


def _next_steps(folder: Path) -> list[str]:
    """Return commands to try next, with a source from validation."""
    from regard.data.sources import is_table
    from regard.training.prepared import load_prepared
    from regard.training.run_folder import DATA

    prepared = load_prepared(folder / DATA)
    model, source = shlex.quote(str(folder)), shlex.quote(prepared.validation[0].source)
    files = prepared.config.data.train
    test = "TEST_FILE" if files and is_table(files[0]) else "SOURCE_FILE REFERENCE_FILE"
    return [
        "try next:",
        f"  regard explain {model} {source}",
        f"  regard translate {model} < SOURCE_FILE",
        f"  regard evaluate {model} {test} --report report.html",
    ]


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the verb's own arguments from the dotted keys of the recipe, each as one `--key=value`.

    A key with several values, such as --data.train, takes everything up to the next option. Raises ConfigError for
    an unknown key.
    """
    own: list[str] = []
    overrides: list[str] = []
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        if not argument.startswith("--") or "." not in argument.split("=")[0]:
            own.append(argument)
        elif (name := argument.split("=")[0].removeprefix("--")) not in recipe_file.known_keys():
            raise ConfigError(f"unknown key --{name}; {recipe_file.hint(name)}")
        elif "=" in argument and argument.split("=")[0] not in _LISTS:
            overrides.append(argument)
        else:
            key, _, first = argument.partition("=")
            values = [first] if first else []
            while remaining and not remaining[0].startswith("--") and (key in _LISTS or not values):
                values.append(remaining.pop(0))
            overrides.append(f"{key}={_LISTS[key](values) if key in _LISTS else ' '.join(values)}")
    return own, overrides


def _json_strings(values: list[str]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _json_numbers(values: list[str]) -> str:
    return f"[{', '.join(values)}]"


_LISTS = {
    "--data.train": _json_strings,
    "--data.validation": _json_strings,
    "--data.columns": _json_strings,
    "--data.weights": _json_numbers,
    "--data.source_script": _json_strings,
    "--data.target_script": _json_strings,
}  # keys with several values, and how to write these as one


def _suggestion(unknown: str) -> str:
    """Suggest the keys of the recipe whose last part is this option."""
    last = unknown.split("=")[0].removeprefix("--").replace("-", "_")
    keys = [f"--{key}" for key in recipe_file.known_keys() if key.split(".")[-1] == last]
    return f"; did you mean {' or '.join(keys)}?" if keys else ""


def _parser() -> Parser:
    parser = Parser(
        "train",
        usage="regard train [RECIPE] [--data.train SOURCE TARGET] [options]",
        description=_DESCRIPTION.format(recipes=recipe_list()),
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="RECIPE", help="a YAML file or the name of a packaged recipe")
    add("--out", type=Path, metavar="FOLDER", help="the model folder (default: runs/NAME_OF_RECIPE)")
    add("--init", metavar="MODEL", help="start from a trained model: its weights, tokenisers and recipe")
    add("--prepared", type=Path, metavar="FOLDER", help="train on data prepared by `regard prepare`")
    add("--resume", action="store_true", help="continue the run in --out, even from the middle of an epoch")
    add("--overwrite", action="store_true", help="replace an earlier run in --out")
    add(
        "--dry-run",
        action="store_true",
        help="show parameters, vocabulary, steps, memory and time; train nothing",
    )
    add("--batch", metavar="N|auto", help="target tokens per batch; auto: as many as fit in memory")
    add("--device", help="auto, cpu, cuda or cuda:N; short for --training.device")
    add(
        "--threads",
        type=int,
        metavar="N",
        help="CPU threads; short for --training.threads; while other programs are busy, 1 is faster",
    )
    add("--quiet", action="store_true", help="show no progress, samples or attention health")
    add("--print-config", action="store_true", help="print the complete recipe that would be used, and exit")
    add(
        "--keys",
        action="store_true",
        help="list every key of a recipe with its meaning and default, and exit",
    )
    add("--KEY VALUE", dest="unused", metavar="", help="any key of the recipe: --model.dropout 0.3")
    return parser


def _default_out(recipe: str | None) -> Path:
    return Path("runs") / (Path(recipe).stem if recipe else "model")
