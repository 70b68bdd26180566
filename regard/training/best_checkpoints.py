"""The best checkpoints of a run, kept to be averaged at its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from regard.training.progress import ValidatedStep

CHECKPOINTS = "checkpoints"


def checkpoint_folder(run: Path, validated: ValidatedStep) -> Path:
    """Return the folder of a run in which the model of a validated step is kept."""
    return run / CHECKPOINTS / str(validated.step)


def delete_other_checkpoints(run: Path, kept: Iterable[ValidatedStep]) -> None:
    """Delete the checkpoints of a run that are not among these; other files and folders stay."""
    folders = {checkpoint_folder(run, validated) for validated in kept}
    for folder in (run / CHECKPOINTS).glob("*"):
        if folder.name.isdecimal() and folder.is_dir() and folder not in folders:
            shutil.rmtree(folder)
