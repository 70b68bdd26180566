"""The command line as a whole: help that teaches, mistakes that take one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import regard
from regard.cli import VERBS
from tests.cli.shell import Shell, check_refused


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python …` in a process of its own."""
    known = {**os.environ, "PYTHONPATH": str(Path(regard.__file__).parents[1]), **environment}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=known,
        timeout=120,
    )


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "data"])
def test_help_of_every_verb_has_examples(run: Shell, verb: str) -> None:
    answer = run(verb, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith(f"usage: regard {verb}")
    assert f"examples:\n  regard {verb}" in answer.out


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_a_narrow_terminal(run: Shell, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert [line for line in run(verb, "--help").out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("what", ["grammar", "stats"])
def test_help_of_data(run: Shell, what: str) -> None:
    assert what in run("data", "--help").out
    answer = run("data", what, "--help")
    assert answer.status == 0
    assert f"examples:\n  regard data {what}" in answer.out


def test_help_lists_every_verb(run: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    asked_for, by_default = run("--help"), run()
    assert asked_for == by_default
    assert max(map(len, asked_for.out.splitlines())) <= 80
    assert asked_for.status == 0
    for verb, what in VERBS.items():
        assert f"  {verb:<10} {what}" in asked_for.out


def test_an_unknown_verb_is_refused(run: Shell) -> None:
    check_refused(run("trane"), "got 'trane'", "average, translate")
    check_refused(run("--beam"), "--beam")


def test_the_version_is_shown(run: Shell) -> None:
    assert run("--version").out.startswith("regard ")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, regard.cli\n"
        "try: regard.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'rich', 'jsonargparse', 'matplotlib'} & set(sys.modules)))"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_the_package_runs_as_a_module() -> None:
    done = python("-m", "regard", "translate", "no/such/model")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("regard translate: no/such/model: no such model folder")
    assert done.stderr.count("\n") == 1


def test_a_terminal_without_unicode_gets_question_marks() -> None:
    done = python("-m", "regard", "explain", "--example", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "10?0 + 5?1 + 10?1 = 15" in done.stdout
