"""What training imports, and when: a verb that only asks for a device does not wait for the loop."""

from __future__ import annotations

import subprocess
import sys

import pytest

import regard.training

ONLY_WHILE_TRAINING = ["lightning_fabric", "tensorboard", "rich", "sacrebleu", "jiwer", "matplotlib"]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import regard.training", ["torch", "regard.config"]),
        (
            "from regard.training import choose_device, choose_precision",
            [*ONLY_WHILE_TRAINING, "pyarrow", "tokenizers", "regard.training.loop", "regard.training.update"],
        ),
        (
            "from regard.training import train, measure, prepare",
            [*ONLY_WHILE_TRAINING, "regard.data.grammar"],
        ),
    ],
)
def test_nothing_is_imported_before_it_is_needed(code: str, absent: list[str]) -> None:
    check = f"{code}\nimport sys\nprint(*[name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", regard.training.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(regard.training, name).__module__.startswith("regard.training.")
    assert name in dir(regard.training)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'regard.training' has no attribute 'tain'"):
        _ = regard.training.tain
