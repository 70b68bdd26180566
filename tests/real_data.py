"""Real data are not in the repository: they are found through REGARD_DATA, and their tests are skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("REGARD_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_data(name: str) -> Path:
    """Return the folder of a corpus, or skip the test if there is none."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in {DATA}; set REGARD_DATA")
    return folder
