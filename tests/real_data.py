"""Real data are not part of the project: they lie in the folder that REGARD_DATA names, or in `data/`.

Tests that need them are skipped where they are missing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("REGARD_DATA", Path(__file__).parents[1] / "data"))


def real_data(name: str) -> Path:
    """Return the folder of a corpus, or skip the test if there is none."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in {DATA}; set REGARD_DATA")
    return folder
