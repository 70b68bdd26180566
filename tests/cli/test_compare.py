"""`regard compare`: systems side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import Shell, check_refused
from tests.trained import Trained


def test_two_models_are_compared(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target, _ = models.test
    picture = tmp_path / "lengths.svg"
    options = ("--test", source, target, "--beam", 1, "--trials", 200, "--bootstrap", 50)
    answer = run("compare", models.fixed_vector, models.attention, *options, "--plot", picture)
    assert (answer.status, answer.err) == (0, f"drawn: {picture}\n")
    for words in ("fixed_vector", "attention", "p", "exact match", "ar:200|seed:12345", "BLEU attention"):
        assert words in answer.out
    assert picture.read_bytes().startswith(b"<?xml")
    found = json.loads(run("compare", models.fixed_vector, models.attention, *options, "--json").out)
    assert found["baseline"] == "fixed_vector"
    alone = json.loads(
        run("evaluate", models.attention, source, target, "--beam", 1, "--bootstrap", 50, "--json").out
    )
    assert found["systems"]["attention"]["chrf"] == alone["chrf"]
    assert found["differences"]["attention"]["chrf"]["value"] == pytest.approx(
        alone["chrf"]["value"] - found["systems"]["fixed_vector"]["chrf"]["value"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{target}", "--test", "{source}", "{target}"], ["at least two systems, got 1"]),
        (["{target}", "{target}", "--test", "{source}", "{target}"], ["different systems"]),
        (
            ["{target}", "{folder}/short.en", "--test", "{source}", "{target}"],
            ["short.en: expected", "got 1 lines"],
        ),
        (["{target}", "{folder}/none", "--test", "{source}", "{target}"], ["none: no such model folder"]),
        (["{target}", "{source}"], ["required: --test"]),
        (["{target}", "{source}", "--test", "{source}", "{target}", "--trials", "0"], ["trials: expected"]),
        (["{target}", "{source}", "--test", "{source}", "{target}", "--plot", "x.gif"], [".png, .pdf, .svg"]),
    ],
)
def test_mistakes_take_one_line(
    run: Shell, models: Trained, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "short.en").write_text("one line\n")
    source, target, _ = models.test
    places = {"source": source, "target": target, "folder": tmp_path}
    check_refused(run("compare", *(argument.format(**places) for argument in arguments)), *words)
