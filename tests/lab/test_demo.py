"""A miniature of the demo: it ends, leaves its pictures, and touches nobody else's folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import regard
from regard.errors import ConfigError
from regard.lab import demo as module
from regard.lab.demo import ATTENTION, FIXED, TEST_LENGTHS, Demo, demo
from regard.lab.demo import test_pairs as pairs_of_the_test
from tests.cli.shell import check_refused, shell

TINY = (
    "--data.grammar_pairs=300",
    "--data.holdout_pairs=5",
    "--model.embedding_size=8",
    "--model.encoder.hidden_size=8",
    "--model.decoder.hidden_size=16",
    "--model.attention.size=8",
    "--training.epochs=1",
    "--training.device=cpu",
    "--training.threads=1",
    "--search.max_ratio=1",
    "--search.max_extra=2",
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Demo, str]:
    """What the demo found, and all it said."""
    out = tmp_path_factory.mktemp("runs") / "demo"
    console = Console(record=True, width=200, quiet=False, file=(out.parent / "said.txt").open("w"))
    with pytest.MonkeyPatch.context() as patch, console.file:
        patch.setattr(module, "TEST_SENTENCES", 2)
        made = demo(out, console, TINY)
    return made, console.export_text()


def test_it_leaves_two_models_figures_and_pictures(ended: tuple[Demo, str]) -> None:
    made, _ = ended
    assert set(made.figures) == set(made.folders) == {FIXED, ATTENTION}
    for folder in made.folders.values():
        assert regard.load(folder).translate("die frau lacht .").source_tokens
    for picture in made.pictures:
        assert picture.parent == made.folders[ATTENTION]
        assert picture.read_bytes().startswith(b"\x89PNG")
    figures = json.loads((made.folders[ATTENTION] / "demo.json").read_text(encoding="utf-8"))
    assert set(figures) == {FIXED, ATTENTION}


def test_both_models_see_as_many_tokens(ended: tuple[Demo, str]) -> None:
    stops = []
    for folder in ended[0].folders.values():
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        stops.append(json.loads(lines[-1]))
    assert stops[0]["tokens_seen"] == stops[1]["tokens_seen"] > 0


def test_figures_are_of_both_models_by_length(ended: tuple[Demo, str]) -> None:
    figures = ended[0].figures
    assert figures[FIXED].aer is None
    assert figures[ATTENTION].aer is not None
    for found in figures.values():
        assert sum(row.num_sentences for row in found.by_length) == 2 * len(TEST_LENGTHS)


def test_it_says_what_to_try_next(ended: tuple[Demo, str]) -> None:
    made, said = ended
    folder = made.folders[ATTENTION]
    for words in (
        f"regard translate {folder}",
        f"regard explain {folder} ",
        "regard explain --example",
        "AER %",
        f"BLEU {ATTENTION}",
        f"BLEU {FIXED}",
        *(str(picture) for picture in made.pictures),
    ):
        assert words in said, words


def test_test_sentences_are_unseen_and_of_every_length() -> None:
    pairs = pairs_of_the_test()
    assert pairs == pairs_of_the_test()
    place = 0
    for shortest, longest in TEST_LENGTHS:
        for pair in pairs[place : place + module.TEST_SENTENCES]:
            assert shortest <= len(pair.source.split()) <= longest
        place += module.TEST_SENTENCES
    assert place == len(pairs)


def test_it_runs_again_over_itself(ended: tuple[Demo, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEST_SENTENCES", 1)
    folders = ended[0].folders
    made = demo(folders[ATTENTION], Console(quiet=True), TINY)
    assert made.folders == folders


@pytest.mark.parametrize("taken", ["demo", "demo-fixed-vector"])
def test_a_folder_of_something_else_is_refused(
    tmp_path: Path, taken: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / taken).mkdir()
    (tmp_path / taken / "thesis.txt").write_text("thesis")
    with pytest.raises(
        ConfigError, match="expected a new folder or an earlier demo, got something else; move it"
    ):
        demo(tmp_path / "demo", Console(quiet=True), TINY)
    check_refused(shell(capsys, monkeypatch)("demo", "--out", tmp_path / "demo", *TINY), "or an earlier demo")
    assert [file.name for file in tmp_path.rglob("*")] == [taken, "thesis.txt"]


@pytest.mark.parametrize("overrides", [("--model.dropuot=1",), ("--training.accumulate=0",)])
def test_options_that_cannot_work_are_refused(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        demo(tmp_path / "demo", Console(quiet=True), overrides)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo_shows_the_lesson(tmp_path: Path) -> None:
    made = demo(tmp_path / "demo", Console(file=io.StringIO()))
    fixed, attention = made.figures[FIXED], made.figures[ATTENTION]
    long = [(a.bleu, f.bleu) for a, f in zip(attention.by_length, fixed.by_length, strict=True)][2:]
    assert all(with_it >= without + 20 for with_it, without in long)  # beyond 20 words
    assert attention.aer is not None
    assert attention.diagonal_aer is not None
    assert attention.aer.aer < attention.diagonal_aer.aer / 2
