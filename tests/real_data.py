"""Real data are not part of the project: they lie in the folder that REGARD_DATA names, in `data/`, or in
`shared/data/` next to the repository.

Tests that need them are skipped where they are missing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "data", ROOT.parent / "shared" / "data")
DATA = Path(
    os.environ.get("REGARD_DATA") or next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
)


def real_data(name: str) -> Path:
    """Return the folder of a corpus, or skip the test if there is none."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in {DATA}; set REGARD_DATA")
    return folder
