"""`regard average`: the mean of some models."""

from __future__ import annotations

from pathlib import Path

import regard
from tests.cli.shell import Shell, check_refused
from tests.trained import Trained


def test_the_mean_of_a_model_with_itself_is_the_model(run: Shell, models: Trained, tmp_path: Path) -> None:
    answer = run("average", models.attention, models.attention, "--out", tmp_path / "mean")
    assert answer == (0, f"{tmp_path / 'mean'}\n", "")
    one, two = regard.load(models.attention), regard.load(tmp_path / "mean")
    assert two.translate("die frau lacht .").text == one.translate("die frau lacht .").text


def test_mistakes_take_one_line(run: Shell, models: Trained, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "mean")
    check_refused(run("average", models.attention, *out), "two models or more")
    check_refused(
        run("average", models.attention, models.fixed_vector, *out), "differs", "model.decoder.name"
    )
    check_refused(run("average", models.attention, models.attention), "--out")
    check_refused(run("average", models.attention, tmp_path / "none", *out), "no such model folder")
    assert not (tmp_path / "mean").exists()
