"""Data sets of the Hugging Face hub, and local folders in its formats, read by the library `datasets`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from regard.errors import ConfigError, DataError

HUB = "hub:"


class HubName(NamedTuple):
    """The parts of `hub:NAME:SUBSET@SPLIT`; subset and split are empty where they are left out."""

    name: str
    subset: str
    split: str


def parse_hub_name(name: str) -> HubName:
    """Parse a hub name. Raises DataError if it has no NAME."""
    whole = name.removeprefix(HUB)
    if Path(whole).is_dir() and whole:
        return HubName(whole, "", "")
    rest, _, split = whole.partition("@")
    repository, _, subset = rest.partition(":")
    if not repository:
        raise DataError(f"{name!r}: expected hub:NAME, hub:NAME:SUBSET or hub:NAME:SUBSET@SPLIT")
    return HubName(repository, subset, split)


def open_dataset(name: str, columns: Sequence[str], split: str) -> Any:
    """Open a data set with these columns, nested ones by dotted names; `split` is read if the name has none.

    Raises ConfigError without the library, DataError for a data set, subset, split or column that does not exist.
    """
    try:
        import datasets
    except ImportError:
        raise ConfigError(
            f"{name}: reading from the hub needs the library `datasets`; get it with: pip install 'regard[hub]'"
        ) from None
    parsed = parse_hub_name(name)
    quiet = datasets.is_progress_bar_enabled() and Path(parsed.name).is_dir()  # nothing is downloaded
    try:
        if quiet:
            datasets.disable_progress_bars()
        found = _open(datasets, parsed, parsed.split or split)
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
            known = ", ".join(flat.column_names)
            raise DataError(
                f"{name}: no column {column!r}; its columns are {known}; choose with data.columns"
            )
    if len(flat) == 0:
        raise DataError(f"{name}: expected at least one row, got an empty data set")
    return flat.select_columns(list(dict.fromkeys(columns)))


def _open(datasets: Any, parsed: HubName, split: str) -> Any:
    folder = Path(parsed.name)
    if (folder / "dataset_dict.json").is_file():
        splits = datasets.load_from_disk(str(folder))
        if split not in splits:
            raise DataError(f"no split {split!r}, it has {', '.join(splits)}; name one after an @")
        return splits[split]
    if (folder / "state.json").is_file():
        return datasets.load_from_disk(str(folder))
    return datasets.load_dataset(parsed.name, parsed.subset or None, split=split)
