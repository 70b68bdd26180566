"""`regard faithful`: whether attention explains a model, over a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import regard
from regard.explain.heat_table import text_html
from regard.lab.test_sets import read_test_set
from tests.cli.shell import Shell, check_refused
from tests.trained import Trained


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def test_source_and_target_with_links(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target, links = models.test
    page = tmp_path / "faithful.html"
    few = ["--sentences", 12, "--seed", 3, "--bootstrap", 10]
    answer = run("faithful", models.attention, source, target, "--links", links, "--report", page, *few)
    assert (answer.status, answer.err) == (0, f"written: {page}\n")
    found = regard.faithfulness(
        models.attention, read_test_set([source, target], links), sentences=12, seed=3, bootstrap=10
    )
    assert found.verdict.words in answer.out
    assert f"{100 * found.figures['aer', 'attention'].value:.1f} %" in answer.out
    assert text_html(found.verdict.words) in page.read_text(encoding="utf-8")
    as_json = run("faithful", models.attention, source, target, "--links", links, "--json", *few)
    assert json.loads(as_json.out) == json.loads(json.dumps(found.as_json()))


def test_a_source_alone_and_a_table(run: Shell, models: Trained, tmp_path: Path) -> None:
    few = ["--sentences", 3, "--bootstrap", 0, "--json"]
    alone = json.loads(run("faithful", models.attention, models.test[0], *few).out)
    assert (alone["forced"], alone["num_sentences"]) == ("its own translations", 3)
    table = tmp_path / "pairs.tsv"
    table.write_text("das kind lacht .\tthe child laughs .\n", encoding="utf-8")
    pairs = json.loads(run("faithful", models.attention, table, *few).out)
    assert (pairs["forced"], pairs["num_tokens"]) == ("references", 4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{model}"], ["FILES"]),
        (["{model}", "{source}", "{source}", "{source}"], ["FILES: expected one or two, got 3"]),
        (["{model}", "{folder}/none"], ["none"]),
        (["{model}", "{source}", "--links", "{links}"], ["--links", "source and target"]),
        (["{model}", "{source}", "--report", "{folder}/x.txt"], [".html, .htm, .md", "'.txt'"]),
        (["{model}", "{source}", "--sentences", "0"], ["expected a number from 1 on"]),
        (["{fixed}", "{source}"], ["no attention that could explain anything"]),
        (["{model}", "{empty}"], ["expected at least one line"]),
    ],
)
def test_mistakes_take_one_line(
    run: Shell, models: Trained, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    places = {
        "model": models.attention,
        "fixed": models.fixed_vector,
        "source": models.test[0],
        "links": models.test[2],
        "folder": tmp_path,
        "empty": empty,
    }
    check_refused(run("faithful", *(argument.format(**places) for argument in arguments)), *words)
    assert list(tmp_path.iterdir()) == [empty]
