"""`regard evaluate`: figures that others can check."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sacrebleu
import yaml

from tests.cli.shell import Shell, check_refused
from tests.trained import Trained


def test_figures_are_those_of_sacrebleu_on_the_saved_translations(
    run: Shell, models: Trained, tmp_path: Path
) -> None:
    source, target, links = models.test
    saved = tmp_path / "translations.txt"
    answer = run(
        "evaluate", models.attention, source, target, "--links", links, "--save", saved, "--beam", 1, "--json"
    )
    assert (answer.status, answer.err) == (0, "")
    figures = json.loads(answer.out)
    written = saved.read_text(encoding="utf-8").splitlines()
    references = [target.read_text(encoding="utf-8").splitlines()]
    assert (
        figures["bleu"]["value"] == sacrebleu.metrics.BLEU(force=True).corpus_score(written, references).score
    )
    assert figures["chrf"]["value"] == sacrebleu.metrics.CHRF().corpus_score(written, references).score
    assert sum(row["num_sentences"] for row in figures["by_length"]) == len(written)
    assert 0 < figures["aer"]["aer"] < 1
    assert 0 < figures["diagonal_aer"]["aer"] < 1


def test_a_report_and_saved_translations_judged_again(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target, _ = models.test
    saved, page, text = tmp_path / "out.en", tmp_path / "report.html", tmp_path / "report.md"
    made = run(
        "evaluate", models.attention, source, target, "--beam", 1, "--save", saved, "--report", page, "--json"
    )
    assert (made.status, made.err) == (0, f"written: {page}\n")
    assert "attention on test.de, test.en" in page.read_text(encoding="utf-8")
    figures = json.loads(made.out)
    assert sum(row["num_words"] for row in figures["by_frequency"]) > 0
    again = run(
        *("evaluate", saved, source, target, "--train-text", models.train[1], "--report", text, "--worst", 2),
        *("--references", target, "--bootstrap", 0, "--json"),
    )
    assert (again.status, again.err) == (0, f"written: {text}\n")
    by_file = json.loads(again.out)
    assert by_file["exact_match"]["value"] == figures["exact_match"]["value"]
    assert by_file["bleu"]["margin"] is None
    assert "nrefs:2" in by_file["bleu"]["signature"]
    assert text.read_text(encoding="utf-8").count("### Sentence") == 2
    forced = run("evaluate", models.attention, source, target, "--translations", saved, "--json")
    assert json.loads(forced.out)["bleu"] == figures["bleu"]


def test_tables_and_a_picture(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target, links = models.test
    picture = tmp_path / "lengths.svg"
    answer = run(
        "evaluate", models.attention, source, target, "--links", links, "--beam", 1, "--plot", picture
    )
    for words in ("BLEU", "nrefs:1", "source words", "≤ 10", "AER %", "the diagonal"):
        assert words in answer.out
    assert answer.err == f"drawn: {picture}\n"
    assert picture.read_bytes().startswith(b"<?xml")


def test_one_tsv_will_do(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target, _ = models.test
    lines = zip(source.read_text().splitlines(), target.read_text().splitlines(), strict=True)
    table = tmp_path / "test.tsv"
    table.write_text("".join(f"{s}\t{t}\n" for s, t in lines))
    by_table = run("evaluate", models.fixed_vector, table, "--beam", 1, "--json")
    assert by_table == run("evaluate", models.fixed_vector, source, target, "--beam", 1, "--json")
    assert json.loads(by_table.out)["aer"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{source}"], ["line 1: expected source TAB target"]),
        (["{source}", "{folder}/none.en"], ["none.en: no such file"]),
        (["{source}", "{folder}/short.en"], ["60 lines", "has 1"]),
        (["{source}", "{folder}/latin.en"], ["latin.en, line 1: byte 0xFC", "iconv"]),
        (["{source}", "{target}", "{target}"], ["got 3 files"]),
        (["{source}", "{target}", "--links", "{folder}/none.links"], ["none.links", "check the path"]),
        (["{source}", "{target}", "--links", "{folder}/short.en"], ["short.en", "expected"]),
        (["{source}", "{target}", "--links", "{folder}/far.links"], ["line 1: link 0-99", "outside"]),
        (
            ["{source}", "{target}", "--links", "{links}", "--one-indexed"],
            ["line ", "expected words counted"],
        ),
        (["{source}", "{target}", "--plot", "{folder}/x.gif"], [".png, .pdf, .svg"]),
        (["{source}", "{target}", "--save", "{folder}/no/x.txt"], ["there is no folder"]),
        (["{source}", "{target}", "--report", "{folder}/x.txt"], [".html, .htm, .md"]),
        (["{source}", "{target}", "--report", "{folder}/no/x.md"], ["there is no folder"]),
        (["{source}", "{target}", "--report", "{folder}/x.md", "--worst", "-1"], ["worst: expected"]),
        (["{source}", "{target}", "--references", "{folder}/short.en"], ["short.en: 1 lines for the 60"]),
        (["{source}", "{target}", "--translations", "{folder}/short.en"], ["short.en: 1 lines"]),
        (["{source}", "{target}", "--train-text", "{folder}/none.en"], ["none.en: no such file"]),
        (["{source}", "{target}", "--bootstrap", "-5"], ["bootstrap: expected", "-5"]),
        (["{source}", "{target}", "--tokenise", "moses"], ["tokenise: expected one of", "13a"]),
        (["{source}", "{target}", "--beam", "0"], ["beam 0"]),
        ([], ["required: FILES"]),
    ],
)
def test_mistakes_take_one_line(
    run: Shell, models: Trained, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "short.en").write_text("one line\n")
    (tmp_path / "latin.en").write_bytes("über\n".encode("latin-1") * 60)
    (tmp_path / "far.links").write_text("0-99\n" + "0-0\n" * 59)
    before = sorted(tmp_path.iterdir())
    source, target, links = models.test
    places = {"source": source, "target": target, "links": links, "folder": tmp_path}
    check_refused(
        run("evaluate", models.attention, *(argument.format(**places) for argument in arguments)), *words
    )
    assert sorted(tmp_path.iterdir()) == before


def test_long_sources_and_recipes_that_differ_are_told(run: Shell, models: Trained, tmp_path: Path) -> None:
    model, table = tmp_path / "model", tmp_path / "test.tsv"
    shutil.copytree(models.attention, model)
    recipe = model / "config.yaml"
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["data"] |= {"columns": [2, 1], "max_tokens": 3}
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    table.write_text("the man\tder mann\nthe old man laughs\tder alte mann lacht\n", encoding="utf-8")
    quick = ("--beam", 1, "--bootstrap", 0)
    answer = run("evaluate", model, table, *quick)
    assert answer.status == 0
    assert "warning: " in answer.err
    assert "1 source of more tokens than training had (data.max_tokens)" in answer.err
    both = ("compare", models.attention, model, "--test", table, "--trials", 5, *quick)
    check_refused(run(*both), "attention reads the usual columns", "model reads 2 and 1", "--columns")
    answer = run(*both, "--columns", 2, 1)
    assert answer.status == 0, answer.err
    assert answer.err.count("warning: ") == 1
