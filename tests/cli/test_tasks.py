"""The recipes after tasks, each from one command on files of the usual format of its task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regard.data.grammar import generate
from tests.cli.shell import Shell
from tests.real_data import real_data

QUICK = (
    *("--training.epochs", 0, "--training.max_steps", 4, "--training.validate_every", 4),
    *("--model.embedding_size", 8, "--model.encoder.hidden_size", 8, "--model.decoder.hidden_size", 8),
    *("--threads", 1, "--quiet"),
)
VERBS = ["walk", "talk", "play", "look", "jump", "turn", "open", "call", "help", "work"]
BACKENDS = {"V;PST": "ed", "V;PRS;3;SG": "s", "V;V.PTCP;PRS": "ing"}


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def words_and_sounds(number: int) -> list[str]:
    """Words of the grammar with a sound for each letter."""
    words = sorted({word for pair in generate(number, 1) for word in pair.source.split() if word.isalpha()})
    return [f"{word}\t{' '.join(letter.upper() for letter in word)}" for word in words]


def forms() -> list[str]:
    return [f"{verb}\t{verb}{ending}\t{features}" for verb in VERBS for features, ending in BACKENDS.items()]


def figures(run: Shell, model: Path, test: Path) -> dict[str, dict[str, float]]:
    answer = run("evaluate", model, test, "--json", "--bootstrap", 0, "--beam", 1, "--threads", 1)
    assert answer.status == 0, answer.err
    found: dict[str, dict[str, float]] = json.loads(answer.out)
    return found


def test_words_become_phonemes(run: Shell, tmp_path: Path) -> None:
    lines = words_and_sounds(60)
    train, test = write(tmp_path / "train.tsv", lines[10:]), write(tmp_path / "test.tsv", lines[:10])
    model = tmp_path / "model"
    answer = run("train", "g2p", "--data.train", train, "--data.validation", test, "--out", model, *QUICK)
    assert answer.status == 0, answer.err
    assert "exact match" in (model / "README.md").read_text(encoding="utf-8")
    assert 0 <= figures(run, model, test)["exact_match"]["value"] <= 100
    token_form = run("translate", model, "--beam", 1, stdin=b"haus\n").out
    assert all(sound.isupper() or sound == "<unk>" for sound in token_form.split())


def test_a_lemma_with_features_becomes_a_form(run: Shell, tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.tsv", forms()[6:]), write(tmp_path / "test.tsv", forms()[:6])
    model = tmp_path / "model"
    options = ("--data.train", train, "--data.validation", test, "--out", model, *QUICK)
    answer = run("train", "inflection", *options)
    assert answer.status == 0, answer.err
    found = figures(run, model, test)
    assert 0 <= found["exact_match"]["value"] <= 100
    assert found["length_unit"] == "characters"
    page = tmp_path / "report.html"
    assert run("evaluate", model, test, "--beam", 1, "--bootstrap", 0, "--report", page).status == 0
    assert "V.PTCP" in page.read_text(encoding="utf-8")
    done = run("translate", model, "--format", "jsonl", stdin=b"walk\tV;PST\n")
    assert json.loads(done.out)["source_tokens"] == [*"walk", "V", "PST", "</s>"]
    refused = run("translate", model, stdin=b"walk\n")
    assert refused.status == 2
    assert "with no tab" in refused.err


def test_spelling_becomes_normal(run: Shell, tmp_path: Path) -> None:
    lines = [
        f"{p.source.replace('ei', 'ey').replace('f', 'ff')}\t{p.source}"
        for p in generate(60, 1, length=(2, 6))
    ]
    train, test = write(tmp_path / "train.tsv", lines[10:]), write(tmp_path / "test.tsv", lines[:10])
    model = tmp_path / "model"
    options = ("--data.train", train, "--data.validation", test, "--out", model, *QUICK)
    answer = run("train", "normalisation", *options)
    assert answer.status == 0, answer.err
    assert figures(run, model, test)["cer"]["value"] >= 0


def test_captions_are_translated(run: Shell, tmp_path: Path) -> None:
    pairs = list(generate(120, 1, length=(3, 8)))
    source = write(tmp_path / "train.de", [pair.source for pair in pairs])
    target = write(tmp_path / "train.en", [pair.target for pair in pairs])
    model = tmp_path / "model"
    answer = run(
        "train", "multi30k", "--data.train", source, target, "--out", model, *QUICK, "--tokeniser.size", 400
    )
    assert answer.status == 0, answer.err
    test = write(tmp_path / "test.tsv", [f"{pair.source}\t{pair.target}" for pair in pairs[:10]])
    assert 0 <= figures(run, model, test)["bleu"]["value"] <= 100


@pytest.mark.slow
def test_inflection_is_learnt(run: Shell, tmp_path: Path) -> None:
    """Regular endings, which the model has seen on other verbs."""
    stems = [
        a + b + c
        for a in "bdfgklmnprst"
        for b in ("a", "ea", "oo", "i")
        for c in ("ll", "rt", "mp", "nk", "st")
    ]
    lines = [f"{s}\t{s}{ending}\t{features}" for s in stems for features, ending in BACKENDS.items()]
    held_out, rest = lines[::9], [line for place, line in enumerate(lines) if place % 9]
    train, test = write(tmp_path / "train.tsv", rest), write(tmp_path / "test.tsv", held_out)
    small = ("--training.epochs", 12, "--model.encoder.hidden_size", 64, "--model.decoder.hidden_size", 64)
    options = ("--data.train", train, "--data.validation", test, "--out", tmp_path / "model")
    answer = run("train", "inflection", *options, *small, "--threads", 1, "--quiet")
    assert answer.status == 0, answer.err
    assert figures(run, tmp_path / "model", test)["exact_match"]["value"] > 80


@pytest.mark.slow
def test_real_words_are_pronounced(run: Shell, tmp_path: Path) -> None:
    """Icelandic after 8 of the recipe's 40 epochs: most words, which chance would not give."""
    data = real_data("g2p")
    files = {part: data / f"ice.{part}.tsv" for part in ("train", "dev")}
    options = ("--data.train", files["train"], "--data.validation", files["dev"], "--out", tmp_path / "model")
    answer = run("train", "g2p", *options, "--training.epochs", 8, "--threads", 2, "--quiet")
    assert answer.status == 0, answer.err
    assert figures(run, tmp_path / "model", files["dev"])["exact_match"]["value"] > 50
