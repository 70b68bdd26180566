"""Sentence pairs as ids, in Arrow: written once, mapped into memory, cut into padded batches without copying."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray

from regard.data.tokeniser import Tokeniser
from regard.errors import DataError
from regard.records import END, PAD, Batch, Pair

_CHUNK_PAIRS = 10_000
_SIDES = ("source", "target")
_IDS = pa.large_list(pa.int32())  # large: a side may have more than 2^31 pieces
_SCHEMA = pa.schema([(side, _IDS) for side in _SIDES])


@dataclass(frozen=True)
class _Side:
    """The ids of one side, end to end; sentence i is `values[offsets[i] : offsets[i + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[np.int32]

    @classmethod
    def of(cls, sentences: list[list[int]]) -> _Side:
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        values = np.fromiter(chain.from_iterable(sentences), np.int32, int(lengths.sum()))
        return cls(_ends(lengths), values)

    @classmethod
    def join(cls, parts: list[_Side]) -> _Side:
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(_ends(lengths), np.concatenate([part.values for part in parts]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def padded(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """The sentences of these rows with END and padding, and where they are valid: both (B, longest + 1)."""
        starts = self.offsets[rows][:, None]  # (B, 1)
        lengths = self.offsets[rows + 1][:, None] - starts
        columns = np.arange(int(lengths.max()) + 1)
        ids = self.values.take(starts + columns, mode="clip").astype(np.int64)
        ids[columns == lengths] = END
        ids[columns > lengths] = PAD
        return torch.from_numpy(ids), torch.from_numpy(columns <= lengths)


class Corpus:
    """Encoded sentence pairs: ids without END, which `batch` appends.

    `left_out` counts the pairs that were not kept, by reason: "empty" (a side without a piece) and "too long".
    """

    def __init__(self, table: pa.RecordBatch) -> None:
        self._table = table
        self._source, self._target = (_view(table.column(side)) for side in _SIDES)
        self.left_out: dict[str, int] = json.loads(table.schema.metadata[b"left_out"])

    @classmethod
    def encode(cls, pairs: Iterable[Pair], source: Tokeniser, target: Tokeniser, max_pieces: int) -> Corpus:
        """Encode pairs, a chunk at a time, leaving out those with an empty side or one beyond `max_pieces`.

        Raises DataError when no pair is left.
        """
        left_out = {"empty": 0, "too long": 0}
        chunks: list[tuple[_Side, _Side]] = []
        for chunk in _chunks(pairs):
            kept = _encode_chunk(chunk, source, target, max_pieces, left_out)
            if kept:
                chunks.append((_Side.of([ids for ids, _ in kept]), _Side.of([ids for _, ids in kept])))
        if not chunks:
            raise DataError(
                f"no sentence pair to train on: {left_out['empty']} had an empty side, {left_out['too long']} were "
                f"longer than {max_pieces} pieces; check the files and data.max_pieces"
            )
        sides = [_Side.join(list(parts)) for parts in zip(*chunks, strict=True)]
        return cls(_table(sides, left_out))

    def save(self, path: str | Path) -> None:
        """Write the corpus as one Arrow IPC file, which appears when it is whole."""
        draft = f"{path}.draft"
        with pa.ipc.new_file(draft, self._table.schema) as file:
            file.write_batch(self._table)
        os.replace(draft, path)  # another corpus may have the old file mapped

    @classmethod
    def load(cls, path: str | Path) -> Corpus:
        """Map a saved corpus into memory; pages are read when used.

        Raises DataError if the file is missing, broken or no corpus.
        """
        try:
            file = pa.ipc.open_file(pa.memory_map(str(path)))
            if not file.schema.equals(_SCHEMA) or file.num_record_batches != 1:
                raise DataError(f"its columns are {', '.join(file.schema.names)}")
            return cls(file.get_batch(0))
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; expected an encoded corpus") from None
        except (OSError, ValueError, KeyError, TypeError, DataError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: not an encoded corpus ({reason}); delete it and encode again") from None

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        """Pieces of each source sentence, END counted: (number of pairs,)."""
        return self._source.lengths + 1

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """Pieces of each target sentence, END counted: (number of pairs,)."""
        return self._target.lengths + 1

    def batch(self, rows: ArrayLike) -> Batch:
        """The pairs of these rows, in this order: END appended, padded to the longest of each side."""
        places = np.asarray(rows, dtype=np.int64)
        source, source_valid = self._source.padded(places)
        target, target_valid = self._target.padded(places)
        return Batch(source, source_valid, target, target_valid, torch.from_numpy(places.copy()))


def _chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    remaining = iter(pairs)
    while chunk := list(islice(remaining, _CHUNK_PAIRS)):
        yield chunk


def _encode_chunk(
    chunk: list[Pair], source: Tokeniser, target: Tokeniser, max_pieces: int, left_out: dict[str, int]
) -> list[tuple[list[int], list[int]]]:
    """The pairs of ids that are kept; the others are added to `left_out`."""
    kept = []
    sources = source.encode_batch([pair.source for pair in chunk])
    targets = target.encode_batch([pair.target for pair in chunk])
    for source_ids, target_ids in zip(sources, targets, strict=True):
        if not source_ids or not target_ids:
            left_out["empty"] += 1
        elif max(len(source_ids), len(target_ids)) > max_pieces:
            left_out["too long"] += 1
        else:
            kept.append((source_ids, target_ids))
    return kept


def _table(sides: list[_Side], left_out: Mapping[str, int]) -> pa.RecordBatch:
    schema = _SCHEMA.with_metadata({"left_out": json.dumps(left_out)})
    columns = [pa.LargeListArray.from_arrays(side.offsets, side.values) for side in sides]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _view(column: pa.LargeListArray) -> _Side:
    """The column's own memory, seen by numpy."""
    return _Side(column.offsets.to_numpy(), column.values.to_numpy())


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
