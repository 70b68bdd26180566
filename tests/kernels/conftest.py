"""Run the tests of this folder for Triton's kernels too.

`make test-triton` sets TRITON_INTERPRET=1: then fused means Triton's kernels, run on the CPU by its interpreter. On a
machine with a GPU, REGARD_TEST_DEVICE=cuda makes tensors there, and the kernels are compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from regard.kernels import dispatch
from tests.kernels.agreement import DEVICE, INTERPRETED


@pytest.fixture(autouse=True)
def _where_kernels_run(_same_seed: None) -> Iterator[None]:
    if INTERPRETED:
        pytest.importorskip("triton")
        with dispatch.interpreted():
            yield
    elif DEVICE != "cpu":
        with torch.device(DEVICE):
            yield
    else:
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The interpreter computes with numpy, which warns where numbers overflow or are none."""
    for item in items:
        if INTERPRETED and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning"))
