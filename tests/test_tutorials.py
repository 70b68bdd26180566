"""Tutorials are notebooks kept as text: they convert to notebooks, and run as plain Python, assertions included."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import jupytext
import pytest

TUTORIALS = sorted((Path(__file__).parent.parent / "docs" / "tutorials").glob("*.py"))


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_it_is_a_notebook(tutorial: Path) -> None:
    text = tutorial.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    kinds = [cell["cell_type"] for cell in notebook.cells]
    assert len(kinds) == text.count("\n# %%")
    assert kinds[0] == "markdown"
    assert set(kinds) == {"markdown", "code"}
    for index, cell in enumerate(notebook.cells):
        assert cell["source"].strip()
        if cell["cell_type"] == "code":
            compile(cell["source"], f"cell {index}", "exec")
    assert jupytext.reads(jupytext.writes(notebook, fmt="ipynb"), fmt="ipynb").cells == notebook.cells


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_it_runs(tutorial: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr(sys, "argv", [str(tutorial)])
    runpy.run_path(str(tutorial), run_name="__main__")
    assert capsys.readouterr().out
