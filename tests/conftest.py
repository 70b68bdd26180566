"""Check shapes while tests run, and start every test from the same seed, on one thread."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

# Compiled kernels are kept between runs and shared by all workers and by the processes that tests start. numba reads
# this when it is imported, and tells the versions of a file apart by itself.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))

os.environ["REGARD_ANNOUNCE_COMPILATION"] = "0"  # tests compare what commands print

# A shell starts background jobs with this signal ignored; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

_CACHES = tempfile.TemporaryDirectory(prefix="regard-tests-")  # leaves the user's own caches alone
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
def _same_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
