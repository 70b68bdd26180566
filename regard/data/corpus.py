"""Sentence pairs as ids in one Arrow file: written once, mapped into memory, read as padded batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from regard.atomic_writes import atomic_file
from regard.data.tokeniser import Tokeniser
from regard.errors import DataError
from regard.records.text import END, PAD, UNKNOWN, Pair

if TYPE_CHECKING:
    from regard.records.tensors import Batch

_CHUNK_PAIRS = 10_000
_SIDES = ("source", "target")
_IDS = pa.large_list(pa.int32())  # large, since a side may have more than 2^31 tokens
_SCHEMA = pa.schema([(side, _IDS) for side in _SIDES])


@dataclass(frozen=True)
class _Side:
    """The concatenated ids of one side; sentence i is `values[offsets[i] : offsets[i + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[np.int32]

    @classmethod
    def from_sentences(cls, sentences: list[list[int]]) -> _Side:
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        values = np.fromiter(chain.from_iterable(sentences), np.int32, int(lengths.sum()))
        return cls(_ends(lengths), values)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def select(self, kept: NDArray[np.bool_]) -> _Side:
        """Return the sentences where `kept` is True."""
        lengths = self.lengths
        return _Side(_ends(lengths[kept]), self.values[np.repeat(kept, lengths)])

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the sentences of these rows with END and padding, and which tokens are valid: (B, longest + 1)."""
        starts = self.offsets[rows][:, None]  # (B, 1)
        lengths = self.offsets[rows + 1][:, None] - starts
        columns = np.arange(int(lengths.max()) + 1)
        ids = self.values.take(starts + columns, mode="clip").astype(np.int64)
        ids[columns == lengths] = END
        ids[columns > lengths] = PAD
        return ids, columns <= lengths


class _SideBuilder:
    """Collects one side while it is encoded; with a file its values go there, since they may not fit into memory."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._lengths: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.int32]] = []
        self._file = file

    def append(self, part: _Side) -> None:
        self._lengths.append(part.lengths)
        if self._file is None:
            self._values.append(part.values)
        else:
            part.values.tofile(self._file)

    def build(self) -> _Side:
        offsets = _ends(np.concatenate(self._lengths))
        if self._file is None:
            return _Side(offsets, np.concatenate(self._values))
        self._file.flush()
        return _Side(offsets, np.memmap(self._file, np.int32, "r", shape=(int(offsets[-1]),)))


class Corpus:
    """Encoded sentence pairs: ids without END, which `batch` appends.

    `left_out` counts the pairs that were dropped, by reason: "empty" (a side without tokens), "too long" and
    "length ratio".
    """

    def __init__(self, table: pa.RecordBatch) -> None:
        self._table = table
        self._source, self._target = (_view(table.column(side)) for side in _SIDES)
        self.left_out: dict[str, int] = json.loads(table.schema.metadata[b"left_out"])

    @classmethod
    def encode(
        cls,
        pairs: Iterable[Pair],
        source: Tokeniser,
        target: Tokeniser,
        max_tokens: int,
        *,
        max_ratio: float = 0.0,
        path: str | Path | None = None,
        watch: Callable[[int], object] = lambda num_pairs: None,
    ) -> Corpus:
        """Encode pairs, a chunk at a time, and drop those that are unfit for training.

        Dropped are pairs with an empty side, a side longer than `max_tokens`, or a side more than `max_ratio` times
        longer than the other (0 allows any ratio). With a `path` the ids go straight to that file, which is mapped
        into memory once complete. `watch` is called with the number of pairs of each chunk. Raises DataError when no
        pair is left.
        """
        left_out = {"empty": 0, "too long": 0} | ({"length ratio": 0} if max_ratio else {})
        with ExitStack() as stack:
            files = [
                stack.enter_context(TemporaryFile(dir=Path(path).parent)) if path else None for _ in _SIDES
            ]
            builders = [_SideBuilder(file) for file in files]
            kept_any = False
            for parts in _encoded(_chunks(pairs), source, target):
                kept = _kept(*parts, max_tokens, max_ratio, left_out)
                for side, part in zip(builders, parts, strict=True):
                    side.append(part if kept.all() else part.select(kept))
                kept_any = kept_any or bool(kept.any())
                watch(len(kept))
            if not kept_any:
                raise DataError(
                    f"no sentence pair to train on: {left_out['empty']} had an empty side, {left_out['too long']} "
                    f"were longer than {max_tokens} tokens; check the files and data.max_tokens"
                )
            corpus = cls(_table([side.build() for side in builders], left_out))
            if path is None:
                return corpus
            corpus.save(path)
        return cls.load(path)

    def save(self, path: str | Path) -> None:
        """Write the corpus as one Arrow IPC file, which appears only when it is complete."""
        with atomic_file(Path(path)) as sink, pa.ipc.new_file(sink, self._table.schema) as file:
            file.write_batch(self._table)  # another corpus may have the old file mapped

    @classmethod
    def load(cls, path: str | Path) -> Corpus:
        """Map a saved corpus into memory; its pages are read on use.

        Raises DataError if the file is missing, broken or not a corpus.
        """
        try:
            file = pa.ipc.open_file(pa.memory_map(str(path)))
            if not file.schema.equals(_SCHEMA) or file.num_record_batches != 1:
                raise DataError(f"its columns are {', '.join(file.schema.names)}")
            batch = file.get_batch(0)
            batch.validate(full=True)
            columns = [column for side in batch.columns for column in (side, side.values)]
            if batch.num_rows == 0 or any(column.null_count for column in columns):
                raise DataError("it has no pairs, or pairs with missing ids")
            return cls(batch)
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; expected an encoded corpus") from None
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException, DataError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: not an encoded corpus ({reason}); delete it and encode again") from None

    def check_ids(self, source_size: int, target_size: int) -> None:
        """Raise DataError unless every id is below the vocabulary size of its side."""
        for name, side, size in zip(
            _SIDES, (self._source, self._target), (source_size, target_size), strict=True
        ):
            used = side.values[side.offsets[0] : side.offsets[-1]]
            least, most = (int(used.min()), int(used.max())) if len(used) else (0, 0)
            if least < 0 or most >= size:
                raise DataError(f"expected {name} ids from 0 to {size - 1}, got {least} to {most}")

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        """The length of each source sentence in tokens, END included: (pairs,)."""
        return self._source.lengths + 1

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """The length of each target sentence in tokens, END included: (pairs,)."""
        return self._target.lengths + 1

    @property
    def unknown_shares(self) -> tuple[float, float]:
        """The share of unknown tokens in the source and in the target."""
        source, target = (
            float(np.count_nonzero(side.values == UNKNOWN)) / len(side.values)
            for side in (self._source, self._target)
        )
        return source, target

    def batch(self, rows: ArrayLike) -> Batch:
        """Return the pairs of these rows, in this order: END appended, padded to the longest of each side."""
        from torch import from_numpy  # here, because preparing a corpus needs no torch

        from regard.records.tensors import Batch

        indices = np.asarray(rows, dtype=np.int64)
        source, source_valid = map(from_numpy, self._source.padded(indices))
        target, target_valid = map(from_numpy, self._target.padded(indices))
        return Batch(source, source_valid, target, target_valid)


def _chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    remaining = iter(pairs)
    while chunk := list(islice(remaining, _CHUNK_PAIRS)):
        yield chunk


def _encoded(
    chunks: Iterable[list[Pair]], source: Tokeniser, target: Tokeniser
) -> Iterator[tuple[_Side, _Side]]:
    """Encode both sides of each chunk. While one chunk is encoded in another thread, the next is read."""

    def encode(chunk: list[Pair]) -> tuple[_Side, _Side]:
        return (
            _Side.from_sentences(source.encode_batch([pair.source for pair in chunk])),
            _Side.from_sentences(target.encode_batch([pair.target for pair in chunk])),
        )

    with ThreadPoolExecutor(1) as thread:
        waiting: Future[tuple[_Side, _Side]] | None = None
        for chunk in chunks:
            following = thread.submit(encode, chunk)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def _kept(
    source: _Side, target: _Side, max_tokens: int, max_ratio: float, left_out: dict[str, int]
) -> NDArray[np.bool_]:
    """Return True for each pair that is kept, and count the others in `left_out` by their first reason."""
    lengths = np.stack([source.lengths, target.lengths])
    shorter, longer = lengths.min(axis=0), lengths.max(axis=0)
    reasons = {"empty": shorter == 0, "too long": longer > max_tokens}
    if max_ratio:
        reasons["length ratio"] = longer > max_ratio * shorter
    kept = np.ones(len(shorter), np.bool_)
    for reason, wrong in reasons.items():
        left_out[reason] += int((kept & wrong).sum())
        kept &= ~wrong
    return kept


def _table(sides: list[_Side], left_out: Mapping[str, int]) -> pa.RecordBatch:
    schema = _SCHEMA.with_metadata({"left_out": json.dumps(left_out)})
    columns = [pa.LargeListArray.from_arrays(side.offsets, side.values) for side in sides]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _view(column: pa.LargeListArray) -> _Side:
    """Return numpy views of the column's own memory."""
    return _Side(column.offsets.to_numpy(), column.values.to_numpy())


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
