"""The README of a model folder: what the model is, how to use it, what it was trained on and with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch

from regard.checkpoint.layout import CONFIG, WEIGHTS
from regard.markdown import table_section


@dataclass(frozen=True)
class ModelCard:
    """The contents of a model card, except versions and recipe.

    `data` maps each data file (or other origin) to its checksum or description, `facts` and `metrics` are the rows
    of two tables; `command` is the command line that trained the model.
    """

    name: str
    command: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, object] = field(default_factory=dict)


def render_card(card: ModelCard, folder: Path) -> str:
    """Render a model card as Markdown, with commands that use the model in `folder`."""
    versions = {"regard": version("regard"), "torch": torch.__version__, "python": platform.python_version()}
    parts = [
        "---\nlibrary_name: regard\n---",
        f"# {card.name}",
        "A sequence-to-sequence model with attention, trained with `regard`. "
        f"`{CONFIG}` holds the whole recipe, `{WEIGHTS}` the weights.",
        f"## Use\n\n```sh\nregard translate {folder} < input.txt\n```\n\n"
        f'```python\nimport regard\n\nprint(regard.load("{folder}").translate("…").text)\n```',
        table_section("Results", card.metrics),
        table_section("Training", card.facts),
        f"Command:\n\n```sh\n{card.command}\n```" if card.command else "",
        table_section("Data (SHA-256 of files)", card.data),
        table_section("Versions", versions),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
