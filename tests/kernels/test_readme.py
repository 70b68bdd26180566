"""The room's README shows an operation and its tests: they run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import regard
from tests.kernels.agreement import of_numba

README = Path(regard.__file__).parent / "kernels" / "README.md"


@of_numba
def test_the_operation_that_the_readme_adds_passes_its_tests(tmp_path: Path) -> None:
    section = README.read_text(encoding="utf-8").split("## To add an operation")[1]
    operation, tests = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (tmp_path / "cosine.py").write_text(operation, encoding="utf-8")
    (tmp_path / "test_cosine.py").write_text("from cosine import cosine\n" + tests, encoding="utf-8")
    root = Path(__file__).parents[2]
    options = ["-q", "-p", "no:cacheprovider", "-c", str(root / "pyproject.toml"), str(tmp_path)]
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]; import pytest; "
    command = [sys.executable, "-c", f"{script} sys.exit(pytest.main({options!r}))"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_readme_names_files_that_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:ops|gemm|decode|triton|unroll)/\w+\.py)`", text):
        assert name == "ops/cosine.py" or (README.parent / name).is_file(), name
    for folder in README.parent.iterdir():
        if folder.is_dir() and (folder / "__init__.py").is_file():
            assert f"`{folder.name}/`" in text, folder.name
