"""The demo: the same small translation task with and without attention, and what the difference is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from regard import recipe_file
from regard.checkpoint import holds_files, load_config
from regard.config import Config
from regard.data.grammar import generate
from regard.errors import ConfigError, ModelError
from regard.explain import HeatMap, plot_attention, plot_bleu_by_length
from regard.lab.evaluation import Evaluation, evaluate
from regard.lab.tables import alignment_table, length_table
from regard.records.text import Pair, Translation
from regard.training import Prepared, prepare, train
from regard.training.watchers import ProgressBar
from regard.translator import Translator

FIXED, ATTENTION = "fixed vector", "attention"
RECIPES = {FIXED: "demo_fixed_vector", ATTENTION: "demo_attention"}
TEST_SEED = 2
TEST_LENGTHS = ((2, 10), (11, 20), (21, 30), (31, 40), (41, 60))
TEST_SENTENCES = 80  # of each of these lengths
SHOWN_LENGTHS = ((6, 8), (12, 15), (24, 28))
JOKE = "das ist echt dicke kiste ."


@dataclass(frozen=True)
class Demo:
    """What the demo found: figures by system name, where the pictures lie, how long it took in seconds."""

    figures: dict[str, Evaluation]
    folders: dict[str, Path]
    pictures: tuple[Path, ...]
    seconds: float


def demo(
    out: str | Path = "runs/demo", console: Console | None = None, overrides: Sequence[str] = ()
) -> Demo:
    """Train a fixed-vector and an attention model on equal tokens of the embedded corpus, and compare them.

    The attention model is left in `out`, the other beside it in `out-fixed-vector`; pictures and figures go into
    `out`. All is printed on the console, the terminal if none is given. `overrides` change both recipes,
    `--training.epochs=1` say. Raises ConfigError if another run lies in `out`.
    """
    started = time.monotonic()
    out, console = Path(out), console or Console(highlight=False)
    configs = {name: recipe_file.load(recipe, overrides) for name, recipe in RECIPES.items()}
    folders = {FIXED: out.with_name(out.name + "-fixed-vector"), ATTENTION: out}
    for name, folder in folders.items():
        if configs[name].data.train:
            raise ConfigError("demo: runs on the embedded grammar; for files of your own use `regard train`")
        _check_folder(folder, configs[name])
    _introduce(console)
    _title(console, "1/4 sentence pairs from the embedded German-English grammar")
    prepared = prepare(configs[ATTENTION], log=console.print)
    translators = {}
    for number, (name, config) in enumerate(configs.items(), start=2):
        _title(console, f"{number}/4 training: {name}")
        translators[name] = _train(config, folders[name], prepared, console)
    _title(console, "4/4 sentences that training never showed")
    test_set = test_pairs()
    figures = {name: evaluate(one, test_set, bootstrap=0, beam=1) for name, one in translators.items()}
    _show_translations(console, translators)
    picture = _show_attention(console, translators[ATTENTION], out)
    chart = _show_figures(console, figures, out)
    made = Demo(figures, folders, (picture, chart), time.monotonic() - started)
    _say_goodbye(console, made, translators[ATTENTION].translate(JOKE).text)
    return made


def test_pairs() -> list[Pair]:
    """Test sentences of every length, the same every time."""
    return [
        pair
        for length in TEST_LENGTHS
        for pair in generate(TEST_SENTENCES, TEST_SEED, split="test", length=length)
    ]


def _check_folder(folder: Path, config: Config) -> None:
    """Refuse to write over anything but an earlier demo: a model of the same build, trained on the grammar."""
    if not folder.exists() or (folder.is_dir() and not holds_files(folder)):
        return
    with suppress(ModelError):
        found = load_config(folder)
        if (found.model, found.tokeniser, found.data.train) == (config.model, config.tokeniser, []):
            return
    raise ConfigError(
        f"{folder} holds something that is no earlier demo: move it away, or choose another --out"
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


def _introduce(console: Console) -> None:
    console.print(
        "Two models learn to translate German into English, on the same sentences for as many words.\n"
        f"[bold]{FIXED}[/bold]: an encoder reads the sentence into one vector, and a decoder writes from that.\n"
        f"[bold]{ATTENTION}[/bold]: for each word it writes, the decoder looks back at all encoder states, and a\n"
        "softmax over scores says how much at each. Ctrl-C stops at any time."
    )


def _title(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(title, align="left", style="bold"))


def _show_translations(console: Console, translators: dict[str, Translator]) -> None:
    for length in SHOWN_LENGTHS:
        pair = next(generate(1, TEST_SEED, split="test", length=length))
        console.print()
        lines = {"source": pair.source, "reference": pair.target}
        for name, translator in translators.items():
            lines[name] = translator.translate(pair.source).text
        for name, line in lines.items():
            style = "bold" if name in translators else ""
            console.print(Text.assemble((f"{name:<14}", "dim"), (line, style)))


def _show_attention(console: Console, translator: Translator, out: Path) -> Path:
    """A heat map, in the terminal and as a picture, of a sentence whose words changed places."""
    translation, right = _reordered(translator)
    if translation.attention is None:  # nothing was written, not even the end
        raise ConfigError("demo: the attention model is too little trained to show; raise --training.epochs")
    _title(console, "where it looked: a row for each word it wrote, a column for each German word")
    console.print(HeatMap(translation.attention, translation.source_tokens, translation.tokens))
    if right:
        console.print("It got this one right, and the words changed places: attention had to jump.")
    else:
        console.print("It got none of these sentences right yet: more --training.epochs would help.")
    picture = out / "attention.png"
    plot_attention(translation.attention, translation.source_tokens, translation.tokens, picture)
    return picture


def _reordered(translator: Translator) -> tuple[Translation, bool]:
    """The test sentence whose words change places most among those translated as the grammar does; if any was."""
    pairs = list(generate(60, TEST_SEED, split="test", length=(8, 11)))
    pairs.sort(key=lambda pair: -_crossings(pair))
    translations = translator.translate([pair.source for pair in pairs])
    right = (one for one, pair in zip(translations, pairs, strict=True) if one.text == pair.target)
    found = next(right, None)
    return found or translations[0], found is not None


def _crossings(pair: Pair) -> int:
    """How many pairs of gold links cross."""
    links = sorted(pair.links.sure) if pair.links else []
    return sum(s < s2 and t > t2 for s, t in links for s2, t2 in links)


def _show_figures(console: Console, figures: dict[str, Evaluation], out: Path) -> Path:
    _title(console, "how good, by the length of the German sentence")
    bins = figures[ATTENTION].by_length
    columns = {f"BLEU {name}": [row.bleu for row in found.by_length] for name, found in figures.items()}
    console.print(length_table(columns, bins))
    attended = figures[ATTENTION]
    if attended.diagonal_aer is not None:
        console.print("Nobody told attention which word is which. Compared with the grammar's own links:")
        console.print(alignment_table(attended.aer, attended.diagonal_aer))
    content = {name: found.figures() for name, found in figures.items()}
    (out / "demo.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    chart = out / "bleu_by_length.png"
    plot_bleu_by_length({name: found.by_length for name, found in figures.items()}, chart)
    return chart


def _say_goodbye(console: Console, made: Demo, joke: str) -> None:
    folder = made.folders[ATTENTION]
    _title(console, f"done in {made.seconds / 60:.1f} minutes")
    pictures = " and ".join(str(picture) for picture in made.pictures)
    console.print(Text(f"{JOKE} → {joke}\n\nPictures: {pictures}\n\nTry next:"), soft_wrap=True)
    for command in (
        f"echo '{JOKE}' | regard translate {folder}",
        f"regard explain {folder} 'die alte frau glaubt , dass der mann lacht .' --plot attention.pdf",
        "regard explain --example",
        f"regard translate {folder} --format jsonl    # tokens, probabilities and attention of what you type",
        "regard train luong2015 --data.train your.de your.en",
    ):
        console.print(Text(f"  {command}"), soft_wrap=True)
