from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regard.data import pair_file
from regard.data.pair_file import PairFile
from regard.records.text import Pair


def test_pairs_are_given_as_often_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_file, "_BLOCK_PAIRS", 3)
    pairs = [Pair(f"ä{i}\tV", f"b{i}") for i in range(8)]
    file = PairFile.write(tmp_path / "pairs.arrow", iter(pairs))
    assert list(file.pairs()) == pairs
    copies = np.array([1, 1, 1, 0, 0, 0, 3, 0])
    assert list(file.pairs(copies)) == [*pairs[:3], *[pairs[6]] * 3]
    assert list(file.texts("target", copies)) == ["b0", "b1", "b2", "b6", "b6", "b6"]


def test_there_may_be_none(tmp_path: Path) -> None:
    assert list(PairFile.write(tmp_path / "pairs.arrow", []).pairs()) == []
