"""Loads the translators in model folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.checkpoint import load_model
from regard.config import DataConfig
from regard.errors import ModelError
from regard.records.text import Table
from regard.translator.translator import Translator


def load(path: str | Path, device: str = "cpu") -> Translator:
    """Load the translator in a model folder. Raises ModelError, saying what is wrong, if the folder is incomplete."""
    saved = load_model(path, device)
    data = saved.config.data
    return Translator(
        saved.model, saved.tokenisers, saved.config.search, data.max_tokens, table=table_in(data)
    )


def load_ensemble(paths: Sequence[str | Path], device: str = "cpu") -> Translator:
    """Load several models as one translator that averages them; it searches as the first one's recipe says.

    Raises ModelError for an incomplete folder, and for models with different tokenisers.
    """
    if not paths:
        raise ModelError("an ensemble of no models: expected at least one model folder")
    first, *others = [load_model(path, device) for path in paths]
    for path, saved in zip(paths[1:], others, strict=True):
        for side in ("source", "target"):
            difference = getattr(first.tokenisers, side).describe_difference(getattr(saved.tokenisers, side))
            if difference:
                raise ModelError(
                    f"{paths[0]} and {path} cannot form an ensemble, their {side} tokenisers differ: {difference}; "
                    "train both with the same"
                )
    max_tokens = min(saved.config.data.max_tokens for saved in (first, *others))
    models = [saved.model for saved in others]
    table = table_in(first.config.data)
    return Translator(first.model, first.tokenisers, first.config.search, max_tokens, models, table)


def table_in(data: DataConfig) -> Table:
    """Return the columns of a table that a recipe reads."""
    return Table(tuple(map(str, data.columns)), str(data.features))
