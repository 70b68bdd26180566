"""`regard train`: recipes and dotted keys, and runs that survive being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import regard
from regard.checkpoint import load_config
from regard.cli.train import split_overrides
from regard.recipe_file import load
from tests.cli.shell import Shell, check_refused
from tests.trained import SMALL, Trained
from tests.training.test_experiment import parameters

RUN = (*SMALL, "--model.decoder.name=luong", "--training.epochs=0", "--training.validation_sentences=3")


@pytest.mark.parametrize(
    ("typed", "own", "overrides"),
    [
        ("luong2015 --out x", "luong2015 --out x", []),
        ("--model.dropout 0.3 luong2015", "luong2015", ["--model.dropout=0.3"]),
        ("--model.dropout=0.3 --out a.b/c.d", "--out a.b/c.d", ["--model.dropout=0.3"]),
        ("--data.train a.de b.en --quiet", "--quiet", ['--data.train=["a.de", "b.en"]']),
        ("--data.train=a.tsv --resume", "--resume", ['--data.train=["a.tsv"]']),
        ("mine.yaml --data.validation a.tsv", "mine.yaml", ['--data.validation=["a.tsv"]']),
        ("--training.learning_rate -1", "", ["--training.learning_rate=-1"]),
    ],
)
def test_dotted_keys_are_separated_from_options(typed: str, own: str, overrides: list[str]) -> None:
    assert split_overrides(typed.split()) == (own.split(), overrides)


def test_a_model_is_trained_and_its_place_printed(run: Shell, models: Trained, tmp_path: Path) -> None:
    options = ("--data.train", *models.train, "--training.max_steps", 2, "--out", tmp_path / "run")
    answer = run("train", *RUN, *options)
    assert answer.status == 0
    assert answer.out == f"{tmp_path / 'run'}\n"
    assert "450 to train on, 50 to validate on" in answer.err
    assert "validation at step 2" in answer.err
    assert f"--out {tmp_path / 'run'}" in (tmp_path / "run" / "README.md").read_text()
    assert regard.load(tmp_path / "run").translate("ja .").source == "ja ."


def test_next_steps_are_suggested(run: Shell, models: Trained, tmp_path: Path) -> None:
    options = ("--data.train", *models.train, "--training.max_steps", 1, "--out", tmp_path / "run")
    answer = run("train", *RUN, *options)
    for verb in ("translate", "evaluate", "explain"):
        assert f"regard {verb} {tmp_path / 'run'} " in answer.err


def test_a_model_is_tuned_with_a_budget_that_is_found(run: Shell, models: Trained, tmp_path: Path) -> None:
    options = ("--data.train", *models.train, "--training.max_steps", 1, "--out", tmp_path / "run")
    answer = run("train", "--init", models.attention, "--batch", "auto", *options)
    assert answer.status == 0
    assert f"weights: those of {models.attention}\n" in answer.err
    assert "batch: 512 target tokens" in answer.err
    printed = run("train", "--init", models.attention, *options[:3], "--print-config").out
    (tmp_path / "tuned.yaml").write_text(printed)
    assert load(tmp_path / "tuned.yaml").model == load_config(models.attention).model
    again = run("train", "--init", models.attention, *options)
    check_refused(again, "already holds a run")


def test_quiet_shows_no_progress(run: Shell, models: Trained, tmp_path: Path) -> None:
    options = ("--data.train", *models.train, "--training.max_steps", 1, "--out", tmp_path / "run")
    answer = run("train", *RUN, *options, "--quiet")
    assert "step 1" not in answer.err
    assert "try next" not in answer.err


def test_a_dry_run_writes_nothing(
    run: Shell, models: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("train", *RUN, "--training.max_steps", 7, "--data.train", *models.train, "--dry-run")
    assert answer.status == 0
    for words in ("parameters", "vocabularies", "memory", "time", "precision"):
        assert words in answer.out
    assert list(tmp_path.iterdir()) == []


def test_the_printed_recipe_is_the_recipe(run: Shell, tmp_path: Path) -> None:
    overrides = ("--model.dropout", "0.35", "--data.train", "a.de", "b.en", "--threads", 3, "--device", "cpu")
    answer = run("train", "luong2015", *overrides, "--print-config")
    (tmp_path / "mine.yaml").write_text(answer.out)
    typed = ["--model.dropout=0.35", '--data.train=["a.de", "b.en"]']
    typed += ["--training.threads=3", "--training.device=cpu"]
    assert load(tmp_path / "mine.yaml") == load("luong2015", typed)


def test_every_key_is_listed(run: Shell) -> None:
    answer = run("train", "--keys")
    assert answer.status == 0
    for key in ("--data.train", "--model.decoder.input_feeding", "--training.patience", "--search.beam"):
        assert key in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["luong2016"], ["no recipe 'luong2016'", "luong2015"]),
        (
            ["{folder}/bad.yaml"],
            ["bad.yaml", "dropuot", "did you mean model.dropout?", "`regard train --keys`"],
        ),
        (["--model.dropuot", "0.3"], ["did you mean model.dropout?", "`regard train --keys`"]),
        (["--modal.x.y", "1"], ["unknown key --modal.x.y", "`regard train --keys`"]),
        (["--model.dropout"], ["model.dropout", "float"]),
        (["--model.dropout", "much"], ["model.dropout", "float", "much"]),
        (
            ["--model.attention.score", "additiv"],
            ["model.attention.score", "unknown name 'additiv'", "additive"],
        ),
        (["--model.encoder.hidden_size", "0"], ["model.encoder.hidden_size", "at least 1"]),
        (["--training.batch_tokens", "0"], ["training.batch_tokens", "at least 1"]),
        (
            ["--batch", "lots"],
            ["training.batch_tokens", "Expected a int or one of ['auto']. Got value: lots"],
        ),
        (["--init", "{folder}/none"], ["none: no such model folder"]),
        (["--training.momentum", "0.9"], ["training.momentum 0.9: adam does not have it"]),
        (["--training.metric", "rouge"], ["training.metric", "bleu", "rouge"]),
        (["--data.train", "{folder}/none.de", "{folder}/none.en"], ["none.de: no such file"]),
        (["--data.train", "{source}"], ["line 1: expected source TAB target"]),
        (["--data.train", "{source}", "{folder}/short.en"], ["500 lines", "has 1"]),
        (["--data.train", "{source}", "{folder}/latin.en"], ["latin.en, line 1", "iconv"]),
        (["--resume"], ["expected --out FOLDER, got none"]),
        (["luong2015", "--resume"], ["no such model folder"]),
        (["--epochs", "3"], ["unrecognized --epochs; did you mean --training.epochs?"]),
        (["--data.trian", "a", "b"], ["unknown key --data.trian; did you mean data.train?"]),
        (["--threads", "-2"], ["training.threads: expected a number of at least 0"]),
        (["--threads", "two"], ["--threads: invalid int value"]),
        (["--device", "cuda:99"], ["'cuda:99' is not available"]),
        (["--out"], ["--out: expected one argument"]),
        (["--otu", "x"], ["unrecognized --otu"]),
    ],
)
def test_mistakes_take_one_line_and_write_nothing(
    run: Shell,
    models: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("model:\n  dropuot: 0.3\n")
    (tmp_path / "short.en").write_text("one line\n")
    (tmp_path / "latin.en").write_bytes("über\n".encode("latin-1") * 500)
    before = sorted(tmp_path.iterdir())
    places = {"folder": tmp_path, "source": models.train[0]}
    given = [argument.format(**places) for argument in arguments]
    data = () if "--data.train" in given else ("--data.train", *models.train)
    answer = run("train", *given, "--tokeniser.kind=words", *data)
    last = answer.err.splitlines()[-1] + "\n"  # what was prepared may be told before
    check_refused(answer._replace(err=last), *words)
    assert [line for line in answer.err.splitlines() if "Traceback" in line] == []
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_is_not_written_over(run: Shell, models: Trained) -> None:
    before = parameters(models.fixed_vector / "model.safetensors")
    answer = run("train", *RUN, "--data.train", *models.train, "--out", models.fixed_vector)
    check_refused(answer, "already holds a run", "--resume", "--overwrite", "--out FOLDER")
    assert parameters(models.fixed_vector / "model.safetensors") == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_goes_on_to_the_same_end(
    models: Trained, tmp_path: Path, number: signal.Signals
) -> None:
    """In processes of their own: killed in the middle of an epoch, resumed, equal to one never killed."""
    options = [*RUN, "--model.dropout=0.3", "--training.max_steps=60", "--training.validate_every=7"]
    command = [*options, "--data.train", *map(str, models.train), "--out"]
    with _train(*command, str(tmp_path / "whole")) as whole:
        assert whole.wait(timeout=200) == 0
    with _train(*command, str(tmp_path / "part")) as part:
        _wait_for_step(tmp_path / "part" / "metrics.jsonl", 10)
        part.send_signal(number)
        _, told = part.communicate(timeout=100)
    if number == signal.SIGKILL:
        assert part.returncode == -signal.SIGKILL
    else:
        assert part.returncode == 130
        assert b"--resume continues from there" in told
    state = json.loads((tmp_path / "part" / "last" / "state.json").read_text())["progress"]
    assert 7 <= state["step"] < 60
    with _train(*command, str(tmp_path / "part"), "--resume") as resumed:
        _, told = resumed.communicate(timeout=200)
    assert resumed.returncode == 0
    assert f"continuing after step {state['step']}".encode() in told
    for name in ("model.safetensors", "last/model.safetensors", "last/optimiser.safetensors"):
        assert parameters(tmp_path / "part" / name) == parameters(tmp_path / "whole" / name), name


def _train(*arguments: str) -> subprocess.Popen[bytes]:
    known = {**os.environ, "PYTHONPATH": str(Path(regard.__file__).parents[1])}
    command = [sys.executable, "-m", "regard", "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=known)


def _wait_for_step(metrics: Path, step: int) -> None:
    """Until so many steps are written down."""
    for _ in range(3000):
        if metrics.is_file() and metrics.read_text().count('"kind": "step"') >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"no {step} steps within a minute")
