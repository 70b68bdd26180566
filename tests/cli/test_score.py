"""`regard score`: a line of figures for each pair, and those of all of them at the end."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import datasets
import pytest
import yaml

import regard
from tests.cli.shell import Shell, check_refused
from tests.trained import Trained, unseen_pairs, write_pairs

PAIRS = unseen_pairs(5)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "test.de", tmp_path / "test.en"
    write_pairs(PAIRS, *made)
    return made


def test_a_line_for_a_pair(run: Shell, models: Trained, files: tuple[Path, Path]) -> None:
    answer = run("score", models.attention, *files)
    scored = regard.load(models.attention).score([p.source for p in PAIRS], [p.target for p in PAIRS])
    assert answer.status == 0
    for line, one in zip(answer.out.splitlines(), scored, strict=True):
        figures = [one.log_probability, one.per_token, one.perplexity]
        assert list(map(float, line.split("\t"))) == pytest.approx(figures, abs=1e-4, rel=1e-4)
    total, tokens = sum(one.log_probability for one in scored), sum(len(one.tokens) for one in scored)
    words = answer.err.split()
    assert words[:4] == ["5", "pairs,", str(tokens), "tokens:"]
    assert float(words[-1]) == pytest.approx(math.exp(-total / tokens), rel=1e-3)


def test_jsonl_and_tsv_input(run: Shell, models: Trained, tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text(f"{PAIRS[0].source}\t{PAIRS[0].target}\n\tthe man .\n", encoding="utf-8")
    out = tmp_path / "scores.jsonl"
    answer = run("score", models.attention, file, "--format", "jsonl", "--output", out, "--batch-size", 1)
    assert (answer.status, answer.out) == (0, "")
    first, second = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert (first["source"], first["target"]) == (PAIRS[0].source, PAIRS[0].target)
    assert first["tokens"] == [*PAIRS[0].target.split(), "</s>"]
    assert sum(first["log_probabilities"]) == pytest.approx(first["log_probability"])
    assert first["perplexity"] == pytest.approx(math.exp(-first["per_token"]))
    assert (second["tokens"], second["log_probability"], second["perplexity"]) == ([], 0, None)


def test_tables_are_read_by_the_given_columns(run: Shell, models: Trained, tmp_path: Path) -> None:
    file, usual = tmp_path / "other.tsv", tmp_path / "usual.tsv"
    file.write_text("".join(f"x\t{p.target}\t{p.source}\n" for p in PAIRS), encoding="utf-8")
    usual.write_text("".join(f"{p.source}\t{p.target}\n" for p in PAIRS), encoding="utf-8")
    answer = run("score", models.attention, file, "--columns", 3, 2)
    assert (answer.status, answer.out) == (0, run("score", models.attention, usual).out)


def test_tables_are_read_by_the_columns_of_the_recipe(run: Shell, models: Trained, tmp_path: Path) -> None:
    shutil.copytree(models.attention, tmp_path / "model")
    recipe = tmp_path / "model" / "config.yaml"
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["data"]["columns"] = ["de", "en"]
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    file = tmp_path / "named.tsv"
    file.write_text("en\tde\n" + "".join(f"{p.target}\t{p.source}\n" for p in PAIRS), encoding="utf-8")
    answer = run("score", tmp_path / "model", file)
    assert (answer.status, answer.out) == (
        0,
        run("score", models.attention, file, "--columns", "de", "en").out,
    )
    assert len(answer.out.splitlines()) == 5


def test_a_data_set_of_the_hub_is_scored(run: Shell, models: Trained, tmp_path: Path) -> None:
    rows = [{"source": p.source, "target": p.target} for p in PAIRS]
    splits = {"train": datasets.Dataset.from_list(rows[:1]), "test": datasets.Dataset.from_list(rows)}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "set"))
    answer = run("score", models.attention, f"hub:{tmp_path / 'set'}")
    assert answer.status == 0, answer.err
    assert len(answer.out.splitlines()) == 5


def test_an_ensemble_scores_too(run: Shell, models: Trained, files: tuple[Path, Path]) -> None:
    alone = run("score", models.attention, *files)
    twice = run("score", models.attention, *files, "--ensemble", models.attention)
    for one, other in zip(alone.out.split(), twice.out.split(), strict=True):
        assert float(one) == pytest.approx(float(other), abs=1e-3, rel=1e-3)


def test_mistakes_take_one_line(
    run: Shell, models: Trained, files: tuple[Path, Path], tmp_path: Path
) -> None:
    check_refused(run("score", models.attention, tmp_path / "none.de", files[1]), "none.de: no such file")
    check_refused(
        run("score", models.attention, *files, "--batch-size", 0), "batch_size: expected a number from 1"
    )
    check_refused(run("score", models.attention), "required: FILES")
    check_refused(run("score", models.attention, *files, "--ensemble", tmp_path), "not a model folder")
    files[1].write_text("one line\n", encoding="utf-8")
    check_refused(run("score", models.attention, *files), "5 lines", "1")
