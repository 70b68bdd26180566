"""Sentence pairs as text in one Arrow file: written once, read any number of times, a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.records.text import Pair

_BLOCK_PAIRS = 10_000
_SIDES = ("source", "target")
_SCHEMA = pa.schema([(side, pa.string()) for side in _SIDES])
Copies = NDArray[np.int64]


class PairFile:
    """The pairs of a file, in order; `copies[i]` is how many times a reader gets pair i (once without `copies`)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def write(cls, path: Path, pairs: Iterable[Pair]) -> PairFile:
        """Write the pairs without their links."""
        remaining = iter(pairs)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _SCHEMA) as stream:
            while block := list(islice(remaining, _BLOCK_PAIRS)):
                columns = [
                    pa.array([pair.source for pair in block]),
                    pa.array([pair.target for pair in block]),
                ]
                stream.write_batch(pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
        return cls(path)

    def pairs(self, copies: Copies | None = None) -> Iterator[Pair]:
        """Yield the pairs."""
        for block in self._blocks(copies):
            sources, targets = (block.column(side).to_pylist() for side in _SIDES)
            yield from map(Pair, sources, targets)

    def texts(self, side: str, copies: Copies | None = None) -> Iterator[str]:
        """Yield the texts of one side, source or target."""
        for block in self._blocks(copies):
            yield from block.column(side).to_pylist()

    def _blocks(self, copies: Copies | None) -> Iterator[pa.RecordBatch]:
        start = 0
        with pa.memory_map(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            for block in stream:
                block_copies = None if copies is None else copies[start : start + len(block)]
                start += len(block)
                if block_copies is None or (block_copies == 1).all():
                    yield block
                elif block_copies.any():
                    yield block.take(pa.array(np.repeat(np.arange(len(block)), block_copies)))
