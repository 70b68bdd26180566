"""`regard data`: the embedded corpus as files, and what any corpus is like."""

from __future__ import annotations

from pathlib import Path

import pytest

from regard.data.grammar import HELD_OUT
from regard.lab import grammar_files
from tests.cli.shell import Shell, check_refused
from tests.cli.test_main import python

FEW = (
    "import sys; from regard import cli; from regard.lab import grammar_files as files; "
    "files.NUM_HELD_OUT, files.NUM_PER_LENGTH = 20, 1; sys.exit(cli.main(sys.argv[1:]))"
)


@pytest.fixture(autouse=True)
def _few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar_files, "NUM_HELD_OUT", 20)
    monkeypatch.setattr(grammar_files, "NUM_PER_LENGTH", 1)


def test_each_set_is_reported(run: Shell, tmp_path: Path) -> None:
    answer = run("data", "grammar", "--pairs", 30, "--out", tmp_path / "corpus")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines()[:2] == [
        f"{tmp_path / 'corpus' / 'train'}: 30 pairs",
        f"{tmp_path / 'corpus' / 'validation'}: 20 pairs",
    ]
    assert len(answer.out.splitlines()) == 4 + len(HELD_OUT)


def test_an_earlier_corpus_is_replaced_on_request_only(run: Shell, tmp_path: Path) -> None:
    run("data", "grammar", "--pairs", 1, "--out", tmp_path)
    before = _contents(tmp_path)
    check_refused(
        run("data", "grammar", "--pairs", 2, "--out", tmp_path), "already contains a generated corpus"
    )
    assert _contents(tmp_path) == before
    answer = run("data", "grammar", "--pairs", 1, "--seed", 2, "--out", tmp_path, "--overwrite")
    assert answer.out.splitlines()[0] == f"{tmp_path / 'train'}: 1 pair"
    assert _contents(tmp_path).keys() == before.keys()


def test_the_same_seed_gives_the_same_bytes_in_any_process(run: Shell, tmp_path: Path) -> None:
    run("data", "grammar", "--pairs", 60, "--seed", 5, "--out", tmp_path / "here")
    arguments = ("data", "grammar", "--pairs", "60", "--seed", "5", "--out", str(tmp_path / "there"))
    done = python("-c", FEW, *arguments, PYTHONHASHSEED="12345")
    assert done.returncode == 0, done.stderr
    assert _contents(tmp_path / "there") == _contents(tmp_path / "here")
    run("data", "grammar", "--pairs", 60, "--seed", 6, "--out", tmp_path / "other")
    assert _contents(tmp_path / "other") != _contents(tmp_path / "here")


def test_a_corpus_is_described(run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.de").write_text("die frau lacht\n\ndie frau lacht\n", encoding="utf-8")
    (tmp_path / "a.en").write_text("the woman laughs\nnothing\nthe woman laughs\n", encoding="utf-8")
    answer = run("data", "stats", "a.de", "a.en")
    assert (answer.status, answer.err) == (0, "")
    for words in ("a.de", "a.en", "frau", "woman"):
        assert words in answer.out
    assert run("data", "stats", "a.de").status == 0


def test_the_embedded_corpus_is_described(run: Shell, tmp_path: Path) -> None:
    run("data", "grammar", "--pairs", 200, "--out", tmp_path)
    answer = run("data", "stats", tmp_path / "train.de", tmp_path / "train.en")
    assert answer.status == 0
    assert "200" in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["grammar|stats"]),
        (["gramar"], ["invalid choice: 'gramar'"]),
        (["grammar"], ["required: --out"]),
        (
            ["grammar", "--pairs", "0", "--out", "{folder}/new"],
            ["--pairs: expected a number from 1 on, got 0"],
        ),
        (["grammar", "--pairs", "many", "--out", "{folder}/new"], ["--pairs: invalid int value: 'many'"]),
        (
            ["grammar", "--pairs", "3", "--out", "{folder}"],
            ["expected a new or empty folder, got"],
        ),
        (["stats"], ["required: FILE"]),
        (["stats", "{folder}/thesis.tx"], ["no such file; did you mean", "thesis.txt"]),
        (["stats", "{folder}"], ["got a folder"]),
        (["stats", "{folder}/empty.txt"], ["at least one line"]),
        (["stats", "{folder}/thesis.txt", "{folder}/empty.txt"], ["empty.txt", "at least one line"]),
        (["stats", *["{folder}/thesis.txt"] * 3], ["3 files"]),
    ],
)
def test_mistakes_take_one_line(run: Shell, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    (tmp_path / "thesis.txt").write_text("thesis\n")
    (tmp_path / "empty.txt").touch()
    check_refused(run("data", *(argument.format(folder=tmp_path) for argument in arguments)), *words)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty.txt", "thesis.txt"]


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}
