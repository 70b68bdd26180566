"""The demo: train the same small translation model with and without attention, and compare them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regard import recipe_file
from regard.atomic_writes import list_entries
from regard.checkpoint import load_config
from regard.config import Config
from regard.data.grammar import generate
from regard.errors import ConfigError, ModelError
from regard.lab import demo_screen as screen
from regard.lab.demo_screen import ATTENTION, FIXED, TEST_SEED
from regard.lab.evaluate import evaluate
from regard.lab.evaluation import Evaluation
from regard.records.text import Pair
from regard.training import Prepared, prepare, train
from regard.training.watchers import ProgressBar
from regard.translator import Translator

if TYPE_CHECKING:
    from rich.console import Console

RECIPES = {FIXED: "demo_fixed_vector", ATTENTION: "demo_attention"}
TEST_LENGTHS = ((2, 10), (11, 20), (21, 30), (31, 40), (41, 60))
TEST_SENTENCES = 80  # of each of these lengths


@dataclass(frozen=True)
class Demo:
    """The results of the demo: figures and model folders by system name, pictures, and the duration in seconds."""

    figures: dict[str, Evaluation]
    folders: dict[str, Path]
    pictures: tuple[Path, ...]
    seconds: float


def demo(
    out: str | Path = "runs/demo", console: Console | None = None, overrides: Sequence[str] = ()
) -> Demo:
    """Train a fixed-vector and an attention model on as many tokens of the embedded corpus, and compare them.

    The attention model is written to `out`, the other to `out-fixed-vector`; pictures and figures go into `out`. The
    results are printed on `console`, by default the terminal. `overrides` change both recipes, for example
    `--training.epochs=1`. Raises ConfigError if `out` contains anything but an earlier demo.
    """
    start = time.monotonic()
    out, console = Path(out), console or screen.new_console()
    configs = {name: recipe_file.load(recipe, overrides) for name, recipe in RECIPES.items()}
    folders = {FIXED: out.with_name(out.name + "-fixed-vector"), ATTENTION: out}
    for name, folder in folders.items():
        if configs[name].data.train:
            raise ConfigError("demo: runs on the embedded grammar; for files of your own use `regard train`")
        _check_folder(folder, configs[name])
    screen.show_introduction(console)
    screen.show_title(console, "1/4 sentence pairs from the embedded German-English grammar")
    prepared = prepare(configs[ATTENTION], log=console.print)
    translators = {}
    for number, (name, config) in enumerate(configs.items(), start=2):
        screen.show_title(console, f"{number}/4 training: {name}")
        translators[name] = _train(config, folders[name], prepared, console)
    screen.show_title(console, "4/4 sentences that were not in training")
    test_set = test_pairs()
    figures = {name: evaluate(one, test_set, bootstrap=0, beam=1) for name, one in translators.items()}
    screen.show_translations(console, translators)
    heat_map = screen.show_attention(console, translators[ATTENTION], out)
    chart = screen.show_figures(console, figures, out)
    result = Demo(figures, folders, (heat_map, chart), time.monotonic() - start)
    screen.show_next_steps(console, translators[ATTENTION], out, result.pictures, result.seconds)
    return result


def test_pairs() -> list[Pair]:
    """Return test sentences of every length, always the same."""
    return [
        pair
        for length in TEST_LENGTHS
        for pair in generate(TEST_SENTENCES, TEST_SEED, split="test", length=length)
    ]


def _check_folder(folder: Path, config: Config) -> None:
    """Refuse to overwrite anything but an earlier demo: a model of the same architecture, trained on the grammar."""
    if not folder.exists() or (folder.is_dir() and not list_entries(folder)):
        return
    with suppress(ModelError):
        old = load_config(folder)
        if (old.model, old.tokeniser, old.data.train) == (config.model, config.tokeniser, []):
            return
    raise ConfigError(
        f"{folder}: expected a new folder or an earlier demo, got something else; move it, or choose another --out"
    )


def _train(config: Config, folder: Path, prepared: Prepared, console: Console) -> Translator:
    trained = train(
        config,
        out=folder,
        overwrite=True,
        prepared=prepared,
        watchers=[ProgressBar(console, every_s=10)],
        progress=False,
        command="regard demo",
    )
    if trained.result.interrupted:
        raise KeyboardInterrupt
    return trained.translator()
