"""The public surface: what `regard` names is what there is, and importing it is cheap."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import regard


@pytest.mark.parametrize("name", regard.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(regard, name)
    assert isinstance(thing, dict) or inspect.getdoc(thing)


def test_what_type_checkers_see_is_what_all_says() -> None:
    tree = ast.parse(Path(regard.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = [alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(regard.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tranlate'"):
        _ = regard.tranlate


@pytest.mark.parametrize("code", ["import regard", "from regard.cli import main; main(['--help'])"])
def test_neither_import_nor_help_loads_anything_heavy(code: str) -> None:
    heavy = [
        "torch",
        "numpy",
        "jsonargparse",
        "rich",
        "matplotlib",
        "pyarrow",
        "tokenizers",
        "lightning_fabric",
    ]
    check = f"""
import sys
try:
    {code}
except SystemExit:
    pass
print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
