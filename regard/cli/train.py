"""`regard train`: from a recipe and text files to a model folder."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
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
Without one the defaults are used; without --data.train, the embedded German-English grammar.
Every key of a recipe can be given as an option with dots; --keys lists them all."""

_EXAMPLES = """\
examples:
  regard train luong2015
  regard train multi30k --data.train train.de.gz train.en.gz \\
      --data.validation val.de.gz val.en.gz --out runs/mine
  regard train g2p --data.train train.tsv --data.validation dev.tsv
  regard train mine.yaml --model.decoder.cell gru --training.epochs 5
  regard train mine.yaml --dry-run       # sizes, memory, time; trains nothing
  regard train mine.yaml --out runs/mine --resume     # go on after Ctrl-C
  regard train mine.yaml --prepared prepared/mine     # by `regard prepare`
  regard train --init runs/mine --data.train new.de new.en --out runs/tuned"""


def main(arguments: Sequence[str]) -> int:
    """Parse, train, say where the model is."""
    own, overrides = split_overrides(arguments)
    parser = _parser()
    options, unknown = parser.parse_known_args(own)
    if unknown:
        parser.error(f"unrecognized {unknown[0]}{_meant(unknown[0])}")
    if options.keys:
        print(recipe_file.describe_keys())
        return 0
    overrides += [f"--training.device={options.device}"] if options.device else []
    overrides += [f"--training.batch_tokens={options.batch}"] if options.batch else []
    overrides += [f"--training.init={options.init}"] if options.init else []
    overrides += [f"--training.threads={options.threads}"] if options.threads is not None else []
    if options.resume and options.dry_run:
        parser.error("--dry-run tells of a new run; leave --resume out")
    if options.resume and options.out is None and options.recipe is None:
        parser.error("--resume: name the run with --out FOLDER")
    recipe, out = options.recipe, options.out or _default_out(options.recipe)
    if options.print_config:
        print(
            recipe_file.dump(
                _resolved(recipe, overrides) if options.init else recipe_file.load(recipe, overrides)
            ),
            end="",
        )
        return 0

    from rich.console import Console

    from regard.cli.options import progress
    from regard.training import describe_dry_run, measure, train

    console = Console(stderr=True, highlight=False)
    tell = partial(console.print, markup=False, soft_wrap=True)
    if options.dry_run:
        facts = measure(
            recipe,
            out=out,
            overrides=overrides,
            overwrite=True,  # nothing is written
            prepared=options.prepared,
            log=tell,
        )
        print(*describe_dry_run(facts), sep="\n")
        return 0
    trained = train(
        recipe,
        out=out,
        overrides=overrides,
        resume=options.resume,
        overwrite=options.overwrite,
        prepared=options.prepared,
        progress=not options.quiet,
        log=tell,
        start_progress=progress,
        command=shlex.join(["regard", "train", *arguments]),
    )
    if trained.result.interrupted:
        return 130
    if not options.quiet:
        print(*_next_steps(trained.folder), sep="\n", file=sys.stderr)
    print(trained.folder)
    return 0


def _resolved(recipe: str | None, overrides: Sequence[str]) -> Config:
    """The recipe with what it takes from the model to start from."""
    from regard.training.recipe import resolve, with_pretrained_tokenisers  # slow to import

    return with_pretrained_tokenisers(resolve(recipe, (), overrides, None))


def _next_steps(folder: Path) -> list[str]:
    """What to do with a trained model, as commands, with a source it was validated on."""
    from regard.data.sources import is_table
    from regard.training.prepared import load_prepared
    from regard.training.run_folder import DATA

    prepared = load_prepared(folder / DATA)
    place, source = shlex.quote(str(folder)), shlex.quote(prepared.validation[0].source)
    files = prepared.config.data.train
    test = "TEST_FILE" if files and is_table(files[0]) else "SOURCE_FILE REFERENCE_FILE"
    return [
        "try next:",
        f"  regard explain {place} {source}",
        f"  regard translate {place} < SOURCE_FILE",
        f"  regard evaluate {place} {test} --report report.html",
    ]


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The verb's own arguments, and the dotted keys of the recipe, each as one `--key=value`.

    A key that takes several values, such as --data.train, takes all that follow up to the next option.
    """
    own: list[str] = []
    overrides: list[str] = []
    waiting = list(arguments)
    while waiting:
        token = waiting.pop(0)
        if not token.startswith("--") or "." not in token.split("=")[0]:
            own.append(token)
        elif (name := token.split("=")[0].removeprefix("--")) not in recipe_file.known_keys():
            raise ConfigError(f"unknown key --{name}; {recipe_file.hint(name)}")
        elif "=" in token and token.split("=")[0] not in _LISTS:
            overrides.append(token)
        else:
            key, _, first = token.partition("=")
            values = [first] if first else []
            while waiting and not waiting[0].startswith("--") and (key in _LISTS or not values):
                values.append(waiting.pop(0))
            overrides.append(f"{key}={_LISTS[key](values) if key in _LISTS else ' '.join(values)}")
    return own, overrides


def _texts(values: list[str]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _numbers(values: list[str]) -> str:
    return f"[{', '.join(values)}]"


_LISTS = {
    "--data.train": _texts,
    "--data.validation": _texts,
    "--data.columns": _texts,
    "--data.weights": _numbers,
    "--data.source_script": _texts,
    "--data.target_script": _texts,
}  # keys that take all values up to the next option


def _meant(unknown: str) -> str:
    """The key of the recipe that somebody may have meant by its last word alone."""
    last = unknown.split("=")[0].removeprefix("--").replace("-", "_")
    meant = [f"--{key}" for key in recipe_file.known_keys() if key.split(".")[-1] == last]
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def _parser() -> Parser:
    parser = Parser(
        "train",
        description=_DESCRIPTION.format(recipes=recipe_list()),
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="RECIPE", help="a YAML file or the name of a packaged recipe")
    add("--out", type=Path, help="the model folder (default: runs/NAME OF THE RECIPE)")
    add("--init", metavar="MODEL", help="start from a trained model: its weights, tokenisers and recipe")
    add("--prepared", type=Path, metavar="FOLDER", help="train on what `regard prepare` left in this folder")
    add("--resume", action="store_true", help="go on with the run in --out, also in the middle of an epoch")
    add("--overwrite", action="store_true", help="start anew where a run lies already")
    add(
        "--dry-run",
        action="store_true",
        help="parameters, vocabulary, steps, memory and time; trains nothing",
    )
    add("--batch", metavar="N|auto", help="target tokens a batch; auto finds how many fit in memory")
    add("--device", help="auto, cpu, cuda or cuda:N; short for --training.device")
    add(
        "--threads",
        type=int,
        help="CPU threads, short for --training.threads; beside busy programs 1 is faster",
    )
    add("--quiet", action="store_true", help="no progress, samples or attention health")
    add("--print-config", action="store_true", help="print the whole recipe as it would be used, and stop")
    add(
        "--keys",
        action="store_true",
        help="list every key of a recipe with its meaning and default, and stop",
    )
    add("--KEY VALUE", dest="unused", metavar="", help="any key of the recipe: --model.dropout 0.3")
    return parser


def _default_out(recipe: str | None) -> Path:
    return Path("runs") / (Path(recipe).stem if recipe else "model")
