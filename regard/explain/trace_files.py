"""Trace files for other programs: JSON, NumPy, CSV, word links, SoftAlignments. `docs/trace.md` describes them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from regard.alignment import format_links, links_from_attention
from regard.atomic_writes import atomic_file, check_writable
from regard.errors import ConfigError, DataError
from regard.explain.trace_json import SCHEMA, trace_from_json, trace_to_json
from regard.records.text import Trace, TraceStep

_DECOMPRESS = {".gz": gzip.decompress, ".xz": lzma.decompress}


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace in the format of the path's suffix; the file appears under its name when it is complete.

    .json: everything, for `read_trace`; .npz: the arrays, for `numpy.load`; .csv: one line per weight; .pharaoh or
    .align: for each target word the source word of its largest weight, `0-1 2-2`, source first; .softalign: tokens
    and weights for SoftAlignments and Nematus. All but .npz can be compressed (.json.gz, .json.xz).

    Raises ConfigError for another suffix, DataError if the file cannot be written, or if the trace has no attention,
    which only .json and .npz do without.
    """
    path = check_trace_file(path)
    suffix = _format_suffix(path)
    if suffix not in (".json", ".npz") and trace.translation.attention is None:
        raise DataError(
            f"{path}: there is no attention to write as {suffix}; a file ending in .json takes all there is"
        )
    content = _ENCODERS[suffix](trace)
    with atomic_file(path) as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def read_trace(path: str | Path) -> Trace:
    """Read a trace from a JSON file, compressed or not. Raises DataError, with the path, if it cannot be read."""
    path = Path(path)
    try:
        content = _DECOMPRESS.get(path.suffix, bytes)(path.read_bytes())
        return trace_from_json(json.loads(content.decode()))
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}; check the path") from None
    except ValueError as error:
        raise DataError(
            f"{path}: expected a trace as JSON, got: {error}; write it with --trace FILE.json"
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def check_trace_file(path: str | Path) -> Path:
    """Return the path if a trace can be written to it; raise ConfigError for its suffix, DataError for its folder."""
    path = Path(path)
    suffix = _format_suffix(path)
    if suffix not in _ENCODERS or (suffix == ".npz" and path.suffix != ".npz"):
        raise ConfigError(
            f"{path}: expected a trace file ending in {', '.join(_ENCODERS)} (compressed: .json.gz), "
            f"got {path.suffix!r}; rename it"
        )
    check_writable(path)
    return path


def _format_suffix(path: Path) -> str:
    """The suffix without that of a compression."""
    return Path(path.stem).suffix if path.suffix in _DECOMPRESS else path.suffix


def _json(trace: Trace) -> str:
    return json.dumps(trace_to_json(trace), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _npz(trace: Trace) -> bytes:
    translation = trace.translation
    arrays: dict[str, Any] = {
        "schema": SCHEMA,
        "source": translation.source,
        "target": translation.text,
        "source_tokens": np.array(translation.source_tokens, dtype=str),
        "tokens": np.array(translation.tokens, dtype=str),
        "ids": np.array([step.id for step in trace.steps], dtype=np.int64),
        "log_probabilities": np.array([step.log_probability for step in trace.steps]),
        "states": trace.states,
        **{
            name: _stacked(trace.steps, name)
            for name in ("query", "scores", "weights", "context", "alignment")
        },
    }
    file = io.BytesIO()
    np.savez_compressed(file, **{name: value for name, value in arrays.items() if value is not None})
    return file.getvalue()


def _stacked(steps: tuple[TraceStep, ...], name: str) -> np.ndarray | None:
    arrays = [getattr(step, name) for step in steps]
    return np.stack(arrays) if arrays and all(array is not None for array in arrays) else None


def _csv(trace: Trace) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["step", "token", "source_position", "source_token", "score", "weight"])
    for index, step in enumerate(trace.steps):
        if step.scores is not None and step.weights is not None:
            columns = zip(trace.translation.source_tokens, step.scores, step.weights, strict=True)
            lines.writerows(
                [index, step.token, position, token, score, weight]
                for position, (token, score, weight) in enumerate(columns)
            )
    return text.getvalue()


def _pharaoh(trace: Trace) -> str:
    translation = trace.translation
    assert translation.attention is not None
    words = translation.source_words.word_of_token, translation.words.word_of_token
    return format_links(links_from_attention(translation.attention, *words)) + "\n"


def _softalign(trace: Trace) -> str:
    """Encode a trace in the format that Nematus writes and SoftAlignments reads.

    It has a line `number ||| target tokens ||| score ||| source tokens ||| S T`, then T lines of S weights, then an
    empty one. End-of-sentence is not among the tokens, but has its row and column, and counts in S and T.
    Source: the README of SoftAlignments (Rikters, Fishel & Bojar 2017, Visualizing neural machine translation
    attention and confidence), "Other"; S and T are in the order of its example. White space in a token and a token
    `|||` are escaped, as they would separate what belongs together.
    """
    translation = trace.translation
    assert translation.attention is not None
    num_tokens, num_source_tokens = translation.attention.shape
    head = [
        "0",
        _softalign_tokens(translation.tokens),
        str(translation.score),
        _softalign_tokens(translation.source_tokens),
        f"{num_source_tokens} {num_tokens}",
    ]
    rows = [" ".join(map(str, row)) for row in translation.attention.astype(np.float32)]
    return "\n".join([" ||| ".join(head), *rows, "", ""])


def _softalign_tokens(tokens: tuple[str, ...]) -> str:
    escaped = ["▁".join(token.split()) or "▁" for token in tokens]
    if tokens[-1:] == ("</s>",):
        escaped.pop()
    return " ".join("&#124;&#124;&#124;" if token == "|||" else token for token in escaped)


_ENCODERS: dict[str, Callable[[Trace], str | bytes]] = {
    ".json": _json,
    ".npz": _npz,
    ".csv": _csv,
    ".pharaoh": _pharaoh,
    ".align": _pharaoh,
    ".softalign": _softalign,
}
