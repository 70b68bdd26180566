"""What the demo prints, and the pictures it draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from regard.data.grammar import generate
from regard.errors import ConfigError
from regard.explain import HeatMap, plot_attention, plot_bleu_by_length
from regard.lab.evaluation import Evaluation
from regard.lab.tables import alignment_table, length_table
from regard.records.text import Pair, Translation
from regard.translator import Translator

FIXED, ATTENTION = "fixed vector", "attention"
TEST_SEED = 2
SHOWN_LENGTHS = ((6, 8), (12, 15), (24, 28))
JOKE = "das ist echt dicke kiste ."


def new_console() -> Console:
    """Return a console on the terminal that does not colour numbers."""
    return Console(highlight=False)


def show_introduction(console: Console) -> None:
    """Say what the two models are."""
    console.print(
        "Two models learn to translate German into English, from the same number of words.\n"
        f"[bold]{FIXED}[/bold]: an encoder reads the sentence into one vector, and a decoder writes from that.\n"
        f"[bold]{ATTENTION}[/bold]: for each word it writes, the decoder looks back at all encoder states, and a\n"
        "softmax over scores gives the weight of each. Ctrl-C stops at any time."
    )


def show_title(console: Console, title: str) -> None:
    """Print a title with a rule."""
    console.print()
    console.print(Rule(title, align="left", style="bold"))


def show_translations(console: Console, translators: dict[str, Translator]) -> None:
    """Print a short, a middling and a long test sentence with the translations of both models."""
    for length in SHOWN_LENGTHS:
        pair = next(generate(1, TEST_SEED, split="test", length=length))
        console.print()
        lines = {"source": pair.source, "reference": pair.target}
        for name, translator in translators.items():
            lines[name] = translator.translate(pair.source).text
        for name, line in lines.items():
            style = "bold" if name in translators else ""
            console.print(Text.assemble((f"{name:<14}", "dim"), (line, style)))


def show_attention(console: Console, translator: Translator, out: Path) -> Path:
    """Show the attention of a sentence whose word order changes, in the terminal and as the picture it returns."""
    translation, correct = _reordered(translator)
    if translation.attention is None:  # not even the end was written
        raise ConfigError("demo: the attention model is too little trained to show; raise --training.epochs")
    show_title(console, "attention weights: a row for each word it wrote, a column for each German word")
    console.print(HeatMap(translation.attention, translation.source_tokens, translation.tokens))
    if correct:
        console.print("This translation is correct, and its word order differs: attention had to jump.")
    else:
        console.print(
            "None of these sentences is translated correctly yet: more --training.epochs would help."
        )
    picture = out / "attention.png"
    plot_attention(translation.attention, translation.source_tokens, translation.tokens, picture)
    return picture


def _reordered(translator: Translator) -> tuple[Translation, bool]:
    """Return the correctly translated test sentence that is reordered most; if none is correct, any, and False."""
    pairs = list(generate(60, TEST_SEED, split="test", length=(8, 11)))
    pairs.sort(key=lambda pair: -_num_crossings(pair))
    translations = translator.translate([pair.source for pair in pairs])
    correct = (one for one, pair in zip(translations, pairs, strict=True) if one.text == pair.target)
    best = next(correct, None)
    return best or translations[0], best is not None


def _num_crossings(pair: Pair) -> int:
    """Count the pairs of gold links that cross."""
    links = sorted(pair.links.sure) if pair.links else []
    return sum(s < s2 and t > t2 for s, t in links for s2, t2 in links)


def show_figures(console: Console, figures: dict[str, Evaluation], out: Path) -> Path:
    """Print BLEU by length and the alignment error rate; write demo.json and a chart, and return the chart."""
    show_title(console, "quality by the length of the German sentence")
    bins = figures[ATTENTION].by_length
    columns = {f"BLEU {name}": [row.bleu for row in each.by_length] for name, each in figures.items()}
    console.print(length_table(columns, bins))
    attention = figures[ATTENTION]
    if attention.diagonal_aer is not None:
        console.print(
            "Attention was never told which words correspond. Compared with the grammar's own links:"
        )
        console.print(alignment_table(attention.aer, attention.diagonal_aer))
    content = {name: each.figures() for name, each in figures.items()}
    (out / "demo.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    chart = out / "bleu_by_length.png"
    plot_bleu_by_length({name: each.by_length for name, each in figures.items()}, chart)
    return chart


def show_next_steps(
    console: Console, translator: Translator, folder: Path, pictures: Sequence[Path], seconds: float
) -> None:
    """Print how long it took, where the pictures are, and commands to try next."""
    show_title(console, f"done in {seconds / 60:.1f} minutes")
    names = " and ".join(str(picture) for picture in pictures)
    joke = translator.translate(JOKE).text
    console.print(Text(f"{JOKE} → {joke}\n\nPictures: {names}\n\nTry next:"), soft_wrap=True)
    for command in (
        f"echo '{JOKE}' | regard translate {folder}",
        f"regard explain {folder} 'die alte frau glaubt , dass der mann lacht .' --plot attention.pdf",
        "regard explain --example",
        f"regard translate {folder} --format jsonl    # tokens, probabilities and attention of what you type",
        "regard train luong2015 --data.train your.de your.en",
    ):
        console.print(Text(f"  {command}"), soft_wrap=True)
