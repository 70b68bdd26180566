"""Shapes are checked while tests run; every test starts from the same seed, on one thread."""

from __future__ import annotations

import os
import tempfile

import pytest
import torch
from jaxtyping import install_import_hook

_CACHES = tempfile.TemporaryDirectory(prefix="regard-tests-")  # the user's own stay as they are
os.environ["REGARD_CACHE"] = os.path.join(_CACHES.name, "regard")
os.environ["HF_HOME"] = os.path.join(_CACHES.name, "huggingface")
os.environ["HF_HUB_OFFLINE"] = "1"

install_import_hook(
    [
        "regard.attention",
        "regard.recurrent",
        "regard.encoders",
        "regard.decoders",
        "regard.model",
        "regard.search",
        "regard.records.tensors",
        "regard.records.text",
    ],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # 1 is a float too
)


@pytest.fixture(autouse=True)
def _same_beginning() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
