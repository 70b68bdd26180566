"""Sentence pairs as ids, in Arrow: written once, mapped into memory, cut into padded batches without copying."""

from __future__ import annotations

import json
import os
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

from regard.data.tokeniser import Tokeniser
from regard.errors import DataError
from regard.records.text import END, PAD, UNKNOWN, Pair

if TYPE_CHECKING:
    from regard.records.tensors import Batch

_CHUNK_PAIRS = 10_000
_SIDES = ("source", "target")
_IDS = pa.large_list(pa.int32())  # large: a side may have more than 2^31 tokens
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

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def only(self, kept: NDArray[np.bool_]) -> _Side:
        """The sentences that are kept."""
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


class _Growing:
    """One side while it is encoded; its values go to a file where there is one, for they may not fit into memory."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._lengths: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.int32]] = []
        self._file = file

    def add(self, part: _Side) -> None:
        self._lengths.append(part.lengths)
        if self._file is None:
            self._values.append(part.values)
        else:
            part.values.tofile(self._file)

    def whole(self) -> _Side:
        offsets = _ends(np.concatenate(self._lengths))
        if self._file is None:
            return _Side(offsets, np.concatenate(self._values))
        self._file.flush()
        return _Side(offsets, np.memmap(self._file, np.int32, "r", shape=(int(offsets[-1]),)))


class Corpus:
    """Encoded sentence pairs: ids without END, which `batch` appends.

    `left_out` counts the pairs that were not kept, by reason: "empty" (a side without a token), "too long" and
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
        watch: Callable[[int], object] = lambda number: None,
    ) -> Corpus:
        """Encode pairs, a chunk at a time, leaving out those that teach nothing.

        They have an empty side, one beyond `max_tokens`, or one more than `max_ratio` times longer than the other
        (0: any). With a `path` the ids go straight to that file, which is mapped into memory when it is whole.
        `watch` hears of every number of pairs done. Raises DataError when no pair is left.
        """
        left_out = {"empty": 0, "too long": 0} | ({"length ratio": 0} if max_ratio else {})
        with ExitStack() as stack:
            files = [
                stack.enter_context(TemporaryFile(dir=Path(path).parent)) if path else None for _ in _SIDES
            ]
            growing = [_Growing(file) for file in files]
            kept_any = False
            for parts in _encoded(_chunks(pairs), source, target):
                kept = _kept(*parts, max_tokens, max_ratio, left_out)
                for side, part in zip(growing, parts, strict=True):
                    side.add(part if kept.all() else part.only(kept))
                kept_any = kept_any or bool(kept.any())
                watch(len(kept))
            if not kept_any:
                raise DataError(
                    f"no sentence pair to train on: {left_out['empty']} had an empty side, {left_out['too long']} "
                    f"were longer than {max_tokens} tokens; check the files and data.max_tokens"
                )
            made = cls(_table([side.whole() for side in growing], left_out))
            if path is None:
                return made
            made.save(path)
        return cls.load(path)

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
            batch = file.get_batch(0)
            batch.validate(full=True)
            columns = [column for side in batch.columns for column in (side, side.values)]
            if batch.num_rows == 0 or any(column.null_count for column in columns):
                raise DataError("it has no pairs, or empty places in them")
            return cls(batch)
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; expected an encoded corpus") from None
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException, DataError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: not an encoded corpus ({reason}); delete it and encode again") from None

    def check_ids(self, source_tokens: int, target_tokens: int) -> None:
        """Raise DataError unless every id is a token of its side's vocabulary, which has so many."""
        for name, side, tokens in zip(
            _SIDES, (self._source, self._target), (source_tokens, target_tokens), strict=True
        ):
            used = side.values[side.offsets[0] : side.offsets[-1]]
            least, most = (int(used.min()), int(used.max())) if len(used) else (0, 0)
            if least < 0 or most >= tokens:
                raise DataError(
                    f"{name} ids from {least} to {most}, but the vocabulary has {tokens} tokens, from 0"
                )

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        """Tokens of each source sentence, END counted: (number of pairs,)."""
        return self._source.lengths + 1

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """Tokens of each target sentence, END counted: (number of pairs,)."""
        return self._target.lengths + 1

    @property
    def unknown_shares(self) -> tuple[float, float]:
        """The share of tokens that are unknown, of the source and of the target."""
        source, target = (
            float(np.count_nonzero(side.values == UNKNOWN)) / len(side.values)
            for side in (self._source, self._target)
        )
        return source, target

    def batch(self, rows: ArrayLike) -> Batch:
        """Return the pairs of these rows, in this order: END appended, padded to the longest of each side."""
        from torch import from_numpy  # here, because preparing a corpus needs no torch

        from regard.records.tensors import Batch

        indices = np.array(rows, dtype=np.int64)  # a copy, which the tensor owns
        source, source_valid = map(from_numpy, self._source.padded(indices))
        target, target_valid = map(from_numpy, self._target.padded(indices))
        return Batch(source, source_valid, target, target_valid, from_numpy(indices))


def _chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    remaining = iter(pairs)
    while chunk := list(islice(remaining, _CHUNK_PAIRS)):
        yield chunk


def _encoded(
    chunks: Iterable[list[Pair]], source: Tokeniser, target: Tokeniser
) -> Iterator[tuple[_Side, _Side]]:
    """Both sides of each chunk as ids. While one chunk is encoded in another thread, the next is read."""

    def encode(chunk: list[Pair]) -> tuple[_Side, _Side]:
        return (
            _Side.of(source.encode_batch([pair.source for pair in chunk])),
            _Side.of(target.encode_batch([pair.target for pair in chunk])),
        )

    with ThreadPoolExecutor(1) as other:
        waiting: Future[tuple[_Side, _Side]] | None = None
        for chunk in chunks:
            following = other.submit(encode, chunk)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def _kept(
    source: _Side, target: _Side, max_tokens: int, max_ratio: float, left_out: dict[str, int]
) -> NDArray[np.bool_]:
    """Which pairs are kept; the others are added to `left_out`."""
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
    """The column's own memory, seen by numpy."""
    return _Side(column.offsets.to_numpy(), column.values.to_numpy())


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
