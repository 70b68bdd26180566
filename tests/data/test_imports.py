"""Rooms that read text load what they use and no more: no torch anywhere, pyarrow only for encoded corpora."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import regard
import regard.data

PACKAGE = Path(regard.__file__).parent
MODULES = [
    ".".join(["regard", *path.relative_to(PACKAGE).with_suffix("").parts])
    for room in ("data", "metrics", "alignment")
    for path in sorted((PACKAGE / room).rglob("*.py"))
    if path.stem != "__init__"
]


def loaded(code: str, *names: str) -> list[str]:
    """Which of these modules are loaded once the code has run in a new process."""
    check = f"{code}\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])"
    command = [sys.executable, "-c", check]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_no_module_that_reads_text_loads_torch() -> None:
    heavy = ("torch", "sacrebleu", "jiwer", "sentencex", "datasets", "rich")
    assert loaded(f"import {', '.join(MODULES)}", *heavy) == []


@pytest.mark.parametrize("name", ["Tokeniser", "read_pairs", "sorted_batches", "corpus_stats"])
def test_only_encoded_corpora_load_pyarrow(name: str) -> None:
    assert loaded(f"from regard.data import {name}", "torch", "pyarrow") == []
    assert loaded("from regard.data import Corpus", "torch", "pyarrow") == ["pyarrow"]


def test_every_name_of_the_room_is_found() -> None:
    assert [name for name in regard.data.__all__ if not callable(getattr(regard.data, name))] == []
    with pytest.raises(AttributeError, match="no attribute 'Tokenizer'"):
        _ = regard.data.Tokenizer
