"""A cache of prepared data, by a hash of content, recipe and code.

Its folder is regard-prepared in REGARD_CACHE, else regard/prepared in XDG_CACHE_HOME or ~/.cache. Entries unused for
a month are removed.
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
from regard.atomic_writes import committed_file, leftover_target
from regard.checkpoint import SOURCE_TOKENISER, TARGET_TOKENISER
from regard.config import Config
from regard.data.sources import file_checksum
from regard.training.pairs import Sources
from regard.training.prepared import is_intact

_DAY_S = 24 * 3600
_MAX_UNUSED_S = 30 * _DAY_S
_MAX_LEFTOVER_S = _DAY_S
_ENTRY_NAME = re.compile("[0-9a-f]{32}")
_NOT_CONTENT = ("train", "validation", "cache")  # keys of data that do not change what is prepared


def cache_folder() -> Path:
    """Return the folder of the cache, whether or not it exists."""
    regard_cache = os.environ.get("REGARD_CACHE")
    if regard_cache:
        return Path(regard_cache) / "regard-prepared"  # the user's own files may be in REGARD_CACHE too
    user_cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(user_cache) if user_cache else Path.home() / ".cache") / "regard" / "prepared"


def cache_entry(config: Config, sources: Sources) -> Path:
    """Return the folder in which such data is cached, whether or not it exists.

    Its name is a hash of everything that determines the prepared data: the content of the corpora and sentencepiece
    models, the data and tokeniser sections, the tokenisers of a model to start from, the tokenisers' library and
    our own code.
    """
    data = {key: value for key, value in asdict(config.data).items() if key not in _NOT_CONTENT}
    tokeniser = asdict(config.tokeniser)
    init = config.training.init
    for side in ("source_model", "target_model"):
        tokeniser[side] = file_checksum(tokeniser[side]) if tokeniser[side] and not init else ""
    kinds = [type(source).__name__ for source in sources.training + sources.validation]
    init_tokenisers = (
        [file_checksum(committed_file(Path(init), name)) for name in (SOURCE_TOKENISER, TARGET_TOKENISER)]
        if init
        else []
    )
    key = {
        "corpora": [[kind, *each.values()] for kind, each in zip(kinds, sources.checksums, strict=True)],
        "num_training": len(sources.training),
        "data": data,
        "tokeniser": tokeniser,
        "init": [*init_tokenisers, config.training.grow_vocabulary],
        "tokenizers": version("tokenizers"),
        "code": _code_hash(),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / digest[:32]


def find_entry(entry: Path, tell: Callable[[str], object]) -> bool:
    """Whether the entry exists and is intact; a broken one is removed, and `tell` is called with a message."""
    if not entry.is_dir():
        return False
    if is_intact(entry):
        with suppress(OSError):
            os.utime(entry)  # the time of its last use
        return True
    tell(f"cache: {entry} is broken; preparing anew")
    shutil.rmtree(entry, ignore_errors=True)
    return False


def remove_old_entries() -> None:
    """Remove entries that were not used for a month, and drafts that a killed process left a day ago or more."""
    now = time.time()
    with suppress(OSError):
        for folder in cache_folder().iterdir():
            target = leftover_target(folder.name)
            max_age_s = _MAX_UNUSED_S if target is None else _MAX_LEFTOVER_S
            is_ours = _ENTRY_NAME.fullmatch(target or folder.name)
            if is_ours and now - folder.stat().st_mtime > max_age_s:
                shutil.rmtree(folder, ignore_errors=True)


def _code_hash() -> str:
    """Hash the code that reads, cleans and tokenises."""
    digest = hashlib.sha256()
    own = (
        Path(__file__).with_name(name)
        for name in ("pairs.py", "preparation.py", "prepared.py", "tokenisers.py")
    )
    for file in [*sorted(Path(regard.data.__file__).parent.rglob("*.py")), *own]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
