"""Real data, which the project does not hold: found through REGARD_DATA, and skipped with a reason without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("REGARD_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_data(name: str) -> Path:
    """The folder of a corpus; the test is skipped where there is none."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in {DATA}; set REGARD_DATA")
    return folder
