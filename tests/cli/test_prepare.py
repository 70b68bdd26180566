"""`regard prepare`: a folder to train from, with a report to read first."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from regard.recipe_file import load
from tests.cli.shell import Shell, check_refused
from tests.trained import SMALL, Trained

MODEL = [option for option in SMALL if not option.startswith("--tokeniser.")]


def test_what_is_prepared_is_trained_on(run: Shell, models: Trained, tmp_path: Path) -> None:
    packed = []
    for file in models.train:
        packed.append(tmp_path / f"{file.name}.gz")
        packed[-1].write_bytes(gzip.compress(file.read_bytes()))
    options = ("--data.train", *packed, "--data.drop_duplicates", "true", "--tokeniser.kind", "words")
    answer = run("prepare", *options, "--out", tmp_path / "ready")
    assert (answer.status, answer.out) == (0, f"{tmp_path / 'ready' / 'report.md'}\n")
    assert "450 to train on, 50 to validate on" in answer.err
    assert "# Prepared data" in (tmp_path / "ready" / "report.md").read_text()
    prepared = ("--prepared", tmp_path / "ready")
    answer = run("train", *MODEL, *prepared, "--training.max_steps", 1, "--out", tmp_path / "run")
    assert answer.status == 0
    saved = load(tmp_path / "run" / "config.yaml")
    assert saved.data.train == [str(file) for file in packed]
    assert saved.tokeniser.kind == "words"
    again = run("train", *MODEL, *prepared, "--data.max_tokens", 9, "--out", tmp_path / "other")
    check_refused(again, "--data.max_tokens: determined by the prepared data")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data.train", "{source}", "{target}"], ["required: --out"]),
        (["--data.train", "{source}", "--out", "new"], ["line 1: expected source TAB target"]),
        (["--data.train", "a.jsonl", "--out", "new"], ["a.jsonl, line 2: broken JSON"]),
        (["--data.train", "a.jsonl", "--data.columns", "de", "en", "--out", "new"], ["keys are source, target"]),
        (["--data.train", "a.jsonl", "--data.columns", "de", "--out", "new"], ["expected two, source and target"]),
        (["--data.train", "b.gz", "--out", "new"], ["b.gz: broken archive"]),
        (["--data.train", "hub:nowhere", "--out", "new"], ["hub:nowhere: cannot be read"]),
        (["--data.source_script", "Latn", "--out", "new"], ["unknown script 'Latn'"]),
        (["--data.weights", "2", "3", "--out", "new"], ["as there are corpora, 1", "got 2"]),
        (["--tokeniser.shared", "true", "--tokeniser.target_kind", "words", "--out", "new"], ["one vocabulary"]),
        (["--tokeniser.kind", "sentencepiece", "--out", "new"], ["tokeniser.source_model"]),
        (["--tokeniser.source_model", "no.model", "--out", "new"], ["is for the kind sentencepiece"]),
        (
            ["--tokeniser.kind", "sentencepiece", "--tokeniser.source_model", "no.model", "--out", "new"],
            ["no.model: No such"],
        ),
        (["--tokeniser.knd", "bpe", "--out", "new"], ["did you mean tokeniser.kind?"]),
        (["--out", "a.jsonl"], ["choose another --out"]),
        (["--out", "."], ["choose another --out"]),
    ],
)  # fmt: skip
def test_mistakes_take_one_line_and_write_nothing(
    run: Shell,
    models: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"source": "a", "target": "b"}\n{"source": \n')
    Path("b.gz").write_bytes(gzip.compress(b"a\tb\n" * 1000)[:-8])
    before = sorted(tmp_path.iterdir())
    given = [argument.format(source=models.train[0], target=models.train[1]) for argument in arguments]
    data = () if "--data.train" in given else ("--data.train", *models.train)
    check_refused(run("prepare", *given, *data), *words)
    assert sorted(tmp_path.iterdir()) == before
