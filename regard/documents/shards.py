"""A large file translated in shards: finished ones survive an interruption, and processes can share the work.

OUTPUT.shards/                    next to the output, until all shards are there and are concatenated
    plan.json                     what determines the translation: hashes of model and input, options
    00002-of-00008.3fa94c01d2ab   one shard, written atomically; the suffix is a hash of the plan
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from regard.atomic_writes import Write, atomic_text, check_writable
from regard.data.text import open_text
from regard.errors import ConfigError, DataError

TranslateShard = Callable[
    [Iterable[bytes], int, Write], None
]  # lines, the number of the first, where to write
_BLOCK_SIZE = 1 << 20


@dataclass(frozen=True)
class Shards:
    """How a large file is split into shards, so that its translation can be resumed and shared.

    Args:
        num_shards: split into this many shards, with nearly as many lines each; None: as `shard_size` says
        shard_size: lines in a shard, if `num_shards` is None
        only: translate only this shard, counted from 1, and leave the others to other processes; None: all
        resume: keep the shards of an earlier run
    """

    num_shards: int | None = None
    shard_size: int = 10_000
    only: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.num_shards is not None and self.num_shards < 1:
            raise ConfigError(f"shards: expected 1 shard or more, got {self.num_shards}")
        if self.shard_size < 1:
            raise ConfigError(f"shards: expected 1 line or more in a shard, got {self.shard_size}")
        if self.only is not None:
            if self.num_shards is None:
                raise ConfigError(f"shards: got only={self.only} without num_shards; give both")
            if not 1 <= self.only <= self.num_shards:
                raise ConfigError(f"shards: expected a shard from 1 to {self.num_shards}, got {self.only}")


class ShardedFile:
    """The shards of one input and one output, on disk."""

    def __init__(self, source: Path, target: Path, shards: Shards, plan: Mapping[str, Any]) -> None:
        """Open the folder of shards, or make it. `plan` has what determines the translation, except the input.

        Raises DataError if the folder has shards of another plan, or of the same without `resume`.
        """
        check_writable(target)
        self.source, self.target, self.only = source, target, shards.only
        self.num_lines, digest = _count_and_hash(source)
        self.num_shards = shards.num_shards or max(1, -(-self.num_lines // shards.shard_size))
        self.folder = target.with_name(target.name + ".shards")
        plan = {**plan, "input": digest, "shards": self.num_shards}
        plan_json = json.dumps(plan, sort_keys=True, default=str)
        self._plan_hash = hashlib.sha256(plan_json.encode()).hexdigest()[:12]
        self._write_plan(plan_json, resume=shards.resume or shards.only is not None)

    def translate(
        self, translate_shard: TranslateShard, on_skipped: Callable[[int], None] | None = None
    ) -> int:
        """Translate the missing shards, or the `only` one; return how many are missing then.

        When none is missing, the shards become the output. `on_skipped` is called with the number of lines of each
        shard that is not translated now.
        """
        with open_text(self.source) as lines:
            for index in range(self.num_shards):
                start, end = (self.num_lines * each // self.num_shards for each in (index, index + 1))
                shard, file = islice(lines, end - start), self._shard_file(index)
                if self.only in (None, index + 1) and not file.exists():
                    with atomic_text(file) as write:
                        translate_shard(shard, start + 1, write)
                else:
                    num_skipped = sum(1 for _ in shard)
                    if on_skipped is not None:
                        on_skipped(num_skipped)
        num_missing = sum(not self._shard_file(index).exists() for index in range(self.num_shards))
        if not num_missing:
            self._concatenate()
        return num_missing

    def _shard_file(self, index: int) -> Path:
        return self.folder / f"{index + 1:05}-of-{self.num_shards:05}.{self._plan_hash}"

    def _write_plan(self, plan_json: str, resume: bool) -> None:
        file = self.folder / "plan.json"
        if file.is_file():
            self._check_same_plan(json.loads(file.read_text(encoding="utf-8")), json.loads(plan_json))
            if not resume:
                raise DataError(
                    f"{self.folder}: an earlier run left shards there; go on with --resume, or remove the folder"
                )
        self.folder.mkdir(exist_ok=True)
        with atomic_text(file) as write:
            write(plan_json)

    def _check_same_plan(self, found: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        differing = sorted(key for key in found.keys() | plan.keys() if found.get(key) != plan.get(key))
        if differing:
            raise DataError(
                f"{self.folder}: its shards were translated with another {', '.join(differing)}; "
                "remove the folder to start again, or use the same as before"
            )

    def _concatenate(self) -> None:
        """Write all shards to the output and remove their folder; another process may be doing the same."""
        try:
            with atomic_text(self.target, draft_folder=self.folder) as write:
                for index in range(self.num_shards):
                    with self._shard_file(index).open(encoding="utf-8", newline="\n") as shard:
                        while block := shard.read(_BLOCK_SIZE):
                            write(block)
        except FileNotFoundError:
            if not self.target.exists():
                raise
        shutil.rmtree(self.folder, ignore_errors=True)


def _count_and_hash(path: Path) -> tuple[int, str]:
    """Return the number of lines of a file, and the SHA-256 of its (uncompressed) bytes."""
    digest, num_newlines, last_byte = hashlib.sha256(), 0, b"\n"
    with open_text(path) as file:
        while block := file.read(_BLOCK_SIZE):
            digest.update(block)
            num_newlines += block.count(b"\n")
            last_byte = block[-1:]
    return num_newlines + (last_byte != b"\n"), digest.hexdigest()
