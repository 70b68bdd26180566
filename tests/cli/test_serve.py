"""`regard serve` as a user starts and stops it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import regard
from tests.cli.shell import Shell, check_refused
from tests.trained import Trained


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_it_says_where_and_stops_with_one_line(models: Trained, number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "regard",
        "serve",
        str(models.attention),
        "--port",
        "0",
        "--threads",
        "1",
    ]
    with subprocess.Popen(
        command,
        cwd=Path(regard.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        first = process.stderr.readline()
        assert first.startswith("serving at http://127.0.0.1:"), first
        answer = httpx.post(f"{first.split()[2]}/v1/translate", json={"text": "die frau lacht ."}, timeout=60)
        assert answer.json()["translations"][0]["tokens"]
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr.read() == "stopped\n"
        assert process.stdout.read() == ""


def test_its_help_teaches_by_example(run: Shell) -> None:
    answer = run("serve", "--help")
    assert answer.status == 0
    assert "curl http://127.0.0.1:8000/v1/translate" in answer.out
    assert "--max-characters" in answer.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "70000"], "70000"),
        (["--queue", "3"], "queue"),
        (["--timeout", "0"], "timeout"),
        (["--host", "no host", "--port", "0"], "cannot listen on no host"),
    ],
)
def test_what_cannot_be_is_refused(run: Shell, models: Trained, options: list[str], words: str) -> None:
    check_refused(run("serve", models.attention, *options), "regard serve", words)


def test_no_model_is_refused(run: Shell, tmp_path: Path) -> None:
    check_refused(run("serve", tmp_path / "nothing"), "nothing")


def test_a_missing_library_is_named(run: Shell, models: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    check_refused(run("serve", models.attention), "fastapi", "pip install 'regard[serve]'")
