from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

import regard
from regard.errors import ConfigError, DataError
from regard.lab.comparison import compare
from regard.lab.evaluate import evaluate
from regard.lab.evaluation import FIGURES
from regard.lab.tables import show_comparison
from regard.lab.test_sets import read_test_set
from regard.metrics import difference
from regard.records.text import Pair, Table
from tests.explain.screen import screen
from tests.trained import Trained, unseen_pairs

PAIRS = [Pair(pair.source, pair.target) for pair in unseen_pairs(40)]


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, Path]:
    """One system that knows every second sentence, one that knows all, one that knows as much as the first."""
    half = [pair.target if row % 2 else "no idea" for row, pair in enumerate(PAIRS)]
    texts = {"half": half, "all": [pair.target for pair in PAIRS], "twin": half}
    files = {name: tmp_path / f"{name}.en" for name in texts}
    for name, lines in texts.items():
        files[name].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return files


def test_systems_stand_beside_the_first(outputs: dict[str, Path]) -> None:
    found = compare(outputs, PAIRS, bootstrap=50, trials=200)
    assert (found.baseline, list(found.differences)) == ("half", ["all", "twin"])
    assert found.evaluations["all"].scores == evaluate(outputs["all"], PAIRS, bootstrap=50).scores
    for figure in FIGURES:
        better, same = found.differences["all"][figure], found.differences["twin"][figure]
        assert better.p_value == pytest.approx(1 / 201)
        assert (same.value, same.p_value) == (0, 1)
    assert found.differences["all"]["exact_match"].value == 50
    assert found.differences["all"]["wer"].value < 0


def test_models_and_files_may_be_mixed(models: Trained, outputs: dict[str, Path]) -> None:
    systems = [models.fixed_vector, outputs["half"]]
    found = compare(systems, PAIRS, bootstrap=0, trials=50, beam=1)
    statistics = [evaluate(system, PAIRS, bootstrap=0, beam=1).statistics["chrf"] for system in systems]
    assert found.differences["half.en"]["chrf"] == difference(*statistics, trials=50)


def test_a_comparison_is_shown_and_ready_for_json(outputs: dict[str, Path]) -> None:
    found = compare(outputs, PAIRS, bootstrap=20, trials=200)
    lines = screen(show_comparison(found), width=120).split("\n")
    row = next(line for line in lines if "exact match" in line).split()
    half = f"50.00 ± {found.evaluations['half'].exact_match.margin:.2f}"
    assert " ".join(row) == f"exact match {half} 100.00 ± 0.00 0.0050* {half} 1.0000"
    assert any("ar:200|seed:12345" in line for line in lines)
    figures = json.loads(json.dumps(found.figures()))
    assert figures["differences"]["twin"]["bleu"]["p_value"] == 1
    assert figures["systems"]["all"]["wer"]["value"] == 0


def test_words_are_counted_in_one_text_for_all(outputs: dict[str, Path], models: Trained) -> None:
    found = compare(outputs, PAIRS, training_text=models.train[1], bootstrap=0, trials=5)
    lines = screen(show_comparison(found), width=120).split("\n")
    heading = next(row for row, line in enumerate(lines) if "times in training" in line)
    assert lines[heading].split("recall %")[1:] == [" half   ", " all   ", " twin  "]
    rows = [line.split() for line in lines[heading + 2 :] if line.strip()]
    bins = found.evaluations["half"].by_frequency
    for row, expected in zip(rows[: len(bins)], bins, strict=True):
        recall = f"{expected.recall:.1f}"
        assert row[-4:] == [f"{expected.num_words:,}", recall, "100.0", recall]


def test_names_are_as_short_as_they_can_be(outputs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "all.en"
    twin.write_bytes(outputs["all"].read_bytes())
    assert list(compare([outputs["all"], twin], PAIRS, bootstrap=0, trials=5).evaluations) == [
        str(outputs["all"]),
        str(twin),
    ]


def with_columns(model: Path, place: Path, columns: list[str | int]) -> Path:
    """The same model, as if trained on a table with these columns."""
    shutil.copytree(model, place)
    recipe = place / "config.yaml"
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["data"]["columns"] = columns
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    return place


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Target first, source second."""
    file = tmp_path / "test.tsv"
    file.write_text("".join(f"{pair.target}\t{pair.source}\n" for pair in PAIRS), encoding="utf-8")
    return file


def test_the_first_recipe_says_how_a_table_is_read(
    models: Trained, outputs: dict[str, Path], table: Path, tmp_path: Path
) -> None:
    model = with_columns(models.attention, tmp_path / "model", [2, 1])
    for given in (outputs["half"], outputs["all"]), (outputs["half"], model):
        files = dict(zip("ab", given, strict=True))
        found = compare(files, table, bootstrap=0, trials=5, beam=1)
        first = found.evaluations["a"].sentences[0]
        assert (first.source == PAIRS[0].source) == (given[1] == model)
    assert evaluate(regard.load(model), table, bootstrap=0, beam=1).sentences[0].source == PAIRS[0].source


def test_recipes_that_read_other_columns_cannot_share_a_table(
    models: Trained, outputs: dict[str, Path], table: Path, tmp_path: Path
) -> None:
    systems = [
        outputs["half"],
        models.fixed_vector,
        with_columns(models.attention, tmp_path / "model", [2, 1]),
    ]
    with pytest.raises(
        ConfigError, match=r"fixed_vector reads the default columns, .*model reads 2 and 1: they"
    ):
        compare(systems, table)
    pairs = read_test_set([table], table=Table((2, 1)))
    assert len(compare(systems, pairs, bootstrap=0, trials=5, beam=1).evaluations) == 3
    by_line = compare(systems[1:], models.test[:2], bootstrap=0, trials=5, beam=1)
    assert by_line.evaluations["model"].sentences[0].source == PAIRS[0].source


def test_mistakes_are_named(outputs: dict[str, Path]) -> None:
    half = outputs["half"]
    with pytest.raises(ConfigError, match="at least two systems, got 1"):
        compare([half], PAIRS)
    with pytest.raises(ConfigError, match="expected a list of systems, got"):
        compare(str(half), PAIRS)
    with pytest.raises(ConfigError, match="expected different systems"):
        compare([half, half], PAIRS)
    with pytest.raises(ConfigError, match="trials: expected a number from 1 on, got 0"):
        compare([half, outputs["all"]], PAIRS, trials=0)
    with pytest.raises(DataError, match="for each of the 39 sentences of the test set, got 40 lines"):
        compare([half, outputs["all"]], PAIRS[1:])
