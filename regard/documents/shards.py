"""A large file translated shard by shard: what is done stays done, and several processes can share the work.

OUTPUT.shards/                    beside the output, until that is whole
    plan.json                     what the shards were made from: hashes of model and input, options
    00002-of-00008.3fa94c01d2ab   one shard, there only when it is whole; the end is the hash of the plan
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

Translate = Callable[[Iterable[bytes], int, Write], None]  # lines, the number of the first, where they go
_BLOCK_SIZE = 1 << 20


@dataclass(frozen=True)
class Shards:
    """How a large file is cut, so that a run can be resumed and shared.

    Args:
        number: this many shards, of nearly as many lines each; None: as many as their size makes
        size: lines of a shard, where their number is not given
        only: translate this one, counted from 1, and leave the others to other processes; None: all
        resume: go on with the shards of an earlier run
    """

    number: int | None = None
    size: int = 10_000
    only: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        for what, number in (("a number of shards", self.number), ("lines of a shard", self.size)):
            if number is not None and number < 1:
                raise ConfigError(f"shards: expected {what} from 1 on, got {number}")
        if self.only is not None and not (self.number and 1 <= self.only <= self.number):
            raise ConfigError(f"shards: expected one from 1 to {self.number}, got {self.only}")


class ShardedFile:
    """The shards of one input and one output, on disk."""

    def __init__(self, source: Path, target: Path, shards: Shards, facts: Mapping[str, Any]) -> None:
        """Take up what an earlier run left, or begin. `facts` are what the shards depend on beside the input.

        Raises DataError where there are shards of something else, or of the same without `resume`.
        """
        check_writable(target)
        self.source, self.target, self.only = source, target, shards.only
        self.num_lines, digest = _measured(source)
        self.number = shards.number or max(1, -(-self.num_lines // shards.size))
        self.folder = target.with_name(target.name + ".shards")
        plan = json.dumps({**facts, "input": digest, "shards": self.number}, sort_keys=True, default=str)
        self._hash = hashlib.sha256(plan.encode()).hexdigest()[:12]
        self._enter(plan, may_go_on=shards.resume or shards.only is not None)

    def translate(self, translate: Translate, done: Callable[[int], None] | None) -> int:
        """Translate the shards that are wanted and missing; join all when none is missing. How many are missing now.

        `done` is called with the lines of each shard that is left as it is.
        """
        with open_text(self.source) as lines:
            for number in range(self.number):
                first, last = (self.num_lines * place // self.number for place in (number, number + 1))
                shard, file = islice(lines, last - first), self._file(number)
                if self.only in (None, number + 1) and not file.exists():
                    with atomic_text(file) as write:
                        translate(shard, first + 1, write)
                else:
                    number_left = sum(1 for _ in shard)
                    if done is not None:
                        done(number_left)
        missing = sum(not self._file(number).exists() for number in range(self.number))
        if not missing:
            self._join()
        return missing

    def _file(self, number: int) -> Path:
        return self.folder / f"{number + 1:05}-of-{self.number:05}.{self._hash}"

    def _enter(self, plan: str, may_go_on: bool) -> None:
        file = self.folder / "plan.json"
        if file.is_file():
            self._compare(json.loads(file.read_text(encoding="utf-8")), json.loads(plan))
            if not may_go_on:
                raise DataError(
                    f"{self.folder}: an earlier run left shards there; go on with --resume, or remove the folder"
                )
        self.folder.mkdir(exist_ok=True)
        with atomic_text(file) as write:
            write(plan)

    def _compare(self, found: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        differing = sorted(key for key in found.keys() | plan.keys() if found.get(key) != plan.get(key))
        if differing:
            raise DataError(
                f"{self.folder}: its shards were made with another {', '.join(differing)}; "
                "remove the folder to begin anew, or ask for the same as before"
            )

    def _join(self) -> None:
        """All shards become the output, and their folder goes; another process may be doing the same."""
        try:
            with atomic_text(self.target, self.folder) as write:
                for number in range(self.number):
                    with self._file(number).open(encoding="utf-8", newline="\n") as shard:
                        while block := shard.read(_BLOCK_SIZE):
                            write(block)
        except FileNotFoundError:
            if not self.target.exists():
                raise
        shutil.rmtree(self.folder, ignore_errors=True)


def _measured(path: Path) -> tuple[int, str]:
    """How many lines a file has, and the SHA-256 of its (unpacked) bytes."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    with open_text(path) as file:
        while block := file.read(_BLOCK_SIZE):
            digest.update(block)
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n"), digest.hexdigest()
