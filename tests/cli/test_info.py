"""`regard info`: facts of the machine and of a model."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.cli.shell import Shell, check_refused
from tests.trained import Trained


def facts(out: str) -> dict[str, str]:
    """The table as a dictionary."""
    pairs = (line.split("  ", 1) for line in out.splitlines())
    return {name.strip(): fact.strip() for name, fact in pairs}


def test_the_machine(run: Shell) -> None:
    answer = run("info")
    assert (answer.status, answer.err) == (0, "")
    found = facts(answer.out)
    assert f"torch {torch.__version__}" in found["versions"]
    assert found["device"] in ("cpu", "cuda:0")
    assert found["precision"].startswith(("float32 (", "bfloat16 ("))
    assert found["kernels"].startswith(("fused (", "plain ("))


def test_a_model(run: Shell, models: Trained) -> None:
    found = facts(run("info", models.attention).out)
    assert found["score"].startswith("general, q · W k (Luong et al. 2015")
    assert found["query"]
    assert found["context"]
    assert "one fixed vector" in facts(run("info", models.fixed_vector).out)["score"]


def test_a_missing_model_is_an_error(run: Shell, tmp_path: Path) -> None:
    check_refused(run("info", tmp_path / "none"), "no such model folder")
