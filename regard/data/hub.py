"""Data sets of the Hugging Face hub, and local folders of the same kinds, through the library `datasets`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from regard.errors import ConfigError, DataError

HUB = "hub:"


class HubName(NamedTuple):
    """What `hub:NAME:SUBSET@SPLIT` says; subset and split may be missing, and are empty then."""

    name: str
    subset: str
    split: str


def parse(name: str) -> HubName:
    """Take a hub name apart. Raises DataError if nothing is named."""
    whole = name.removeprefix(HUB)
    if Path(whole).is_dir() and whole:
        return HubName(whole, "", "")
    rest, _, split = whole.partition("@")
    place, _, subset = rest.partition(":")
    if not place:
        raise DataError(f"{name!r}: expected hub:NAME, hub:NAME:SUBSET or hub:NAME:SUBSET@SPLIT")
    return HubName(place, subset, split)


def open_dataset(name: str, columns: Sequence[str], split: str) -> Any:
    """The data set with these columns, nested ones by their dotted names; `split` counts if the name has none.

    Raises ConfigError without the library, DataError for a data set, subset, split or column that is not there.
    """
    try:
        import datasets
    except ImportError:
        raise ConfigError(
            f"{name}: reading from the hub needs the library `datasets`; get it with: pip install 'regard[hub]'"
        ) from None
    asked = parse(name)
    quiet = datasets.is_progress_bar_enabled() and Path(asked.name).is_dir()  # nothing is downloaded
    try:
        if quiet:
            datasets.disable_progress_bars()
        found = _open(datasets, asked, asked.split or split)
    except Exception as error:  # the library raises its own, urllib's, pyarrow's and bare ValueErrors
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{name}: cannot be read ({reason}); check name, subset, split and connection"
        ) from None
    finally:
        if quiet:
            datasets.enable_progress_bars()
    flat = found.flatten()
    for column in columns:
        if column not in flat.column_names:
            there = ", ".join(flat.column_names)
            raise DataError(
                f"{name}: no column {column!r}; its columns are {there}; choose with data.columns"
            )
    if len(flat) == 0:
        raise DataError(f"{name}: expected at least one row, came an empty data set")
    return flat.select_columns(list(dict.fromkeys(columns)))


def _open(datasets: Any, asked: HubName, split: str) -> Any:
    folder = Path(asked.name)
    if (folder / "dataset_dict.json").is_file():
        splits = datasets.load_from_disk(str(folder))
        if split not in splits:
            raise DataError(f"no split {split!r}, it has {', '.join(splits)}: name one behind an @")
        return splits[split]
    if (folder / "state.json").is_file():
        return datasets.load_from_disk(str(folder))
    return datasets.load_dataset(asked.name, asked.subset or None, split=split)
