"""Prepared data kept for the next run: the same content, recipe and code find it again.

It lies in regard-prepared under REGARD_CACHE, else in regard/prepared under XDG_CACHE_HOME or ~/.cache; what nobody
used for a month goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import regard.data
from regard.checkpoint import SOURCE_TOKENISER, TARGET_TOKENISER, whole_file
from regard.config import Config
from regard.data.sources import file_checksum
from regard.training.pairs import Sources
from regard.training.prepared import is_intact

_DAY_S = 24 * 3600
_KEEP_S = 30 * _DAY_S
_ENTRY = re.compile("[0-9a-f]{32}")
_LEFTOVER = re.compile(r"\.[0-9a-f]{32}\.[0-9a-f]+\.(draft|old)")  # as `whole_folder` names them
_NOT_CONTENT = ("train", "validation", "cache")  # keys of data that do not change what is prepared


def cache_folder() -> Path:
    """Where prepared data is kept."""
    own = os.environ.get("REGARD_CACHE")
    if own:
        return Path(own) / "regard-prepared"  # anything of the user's may lie beside it
    usual = os.environ.get("XDG_CACHE_HOME")
    return (Path(usual) if usual else Path.home() / ".cache") / "regard" / "prepared"


def cache_entry(config: Config, sources: Sources) -> Path:
    """The folder in which data like this is kept, whether or not it is there.

    Its name is a hash of all that decides what comes out: the content of the corpora and sentencepiece models, the
    data and tokeniser sections, the tokenisers of a model to start from, the tokenisers' library and our own code.
    """
    data = {key: value for key, value in asdict(config.data).items() if key not in _NOT_CONTENT}
    tokeniser = asdict(config.tokeniser)
    init = config.training.init
    for side in ("source_model", "target_model"):
        tokeniser[side] = file_checksum(tokeniser[side]) if tokeniser[side] and not init else ""
    kinds = [type(source).__name__ for source in sources.training + sources.validation]
    begun = (
        [file_checksum(whole_file(Path(init), name)) for name in (SOURCE_TOKENISER, TARGET_TOKENISER)]
        if init
        else []
    )
    said = {
        "corpora": [[kind, *each.values()] for kind, each in zip(kinds, sources.checksums, strict=True)],
        "num_training": len(sources.training),
        "data": data,
        "tokeniser": tokeniser,
        "init": [*begun, config.training.grow_vocabulary],
        "tokenizers": version("tokenizers"),
        "code": _code(),
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return cache_folder() / digest[:32]


def find_entry(entry: Path, tell: Callable[[str], object]) -> bool:
    """Whether the entry is there and as it was written; a broken one is removed."""
    if not entry.is_dir():
        return False
    if is_intact(entry):
        with suppress(OSError):
            os.utime(entry)  # used today
        return True
    tell(f"cache: {entry} is broken; preparing anew")
    shutil.rmtree(entry, ignore_errors=True)
    return False


def clear_old() -> None:
    """Remove what was not used for a month, and what a killed process left half-written for a day."""
    now = time.time()
    with suppress(OSError):
        for entry in cache_folder().iterdir():
            keep_s = _KEEP_S if _ENTRY.fullmatch(entry.name) else _DAY_S
            ours = _ENTRY.fullmatch(entry.name) or _LEFTOVER.fullmatch(entry.name)
            if ours and now - entry.stat().st_mtime > keep_s:
                shutil.rmtree(entry, ignore_errors=True)


def _code() -> str:
    """A hash of the code that reads, cleans and tokenises."""
    digest = hashlib.sha256()
    own = (
        Path(__file__).with_name(name)
        for name in ("pairs.py", "preparation.py", "prepared.py", "tokenisers.py")
    )
    for file in [*sorted(Path(regard.data.__file__).parent.rglob("*.py")), *own]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
