"""Shapes are checked while tests run; every test starts from the same seed, on one thread."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook(
    [
        "regard.attention",
        "regard.recurrent",
        "regard.encoders",
        "regard.decoders",
        "regard.model",
        "regard.search",
        "regard.records",
    ],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # 1 is a float too
)


@pytest.fixture(autouse=True)
def _same_beginning() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
