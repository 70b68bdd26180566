from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import regard
import regard.explain

ROOT = Path(regard.__file__).parents[1]


@pytest.mark.parametrize(
    "module", ["regard.explain", "regard.explain.attention_page", "regard.explain.heat_table"]
)
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; sys.exit(str({{'matplotlib', 'rich', 'torch'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_every_public_name_can_be_imported() -> None:
    assert all(hasattr(regard.explain, name) for name in regard.explain.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = regard.explain.nothing
