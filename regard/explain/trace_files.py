"""A trace as a file for other programs: JSON, NumPy, CSV, links, SoftAlignments. `docs/trace.md` describes them."""

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
from regard.errors import ConfigError, DataError
from regard.explain.trace_json import SCHEMA, trace_from_json, trace_to_json
from regard.output import check_place, whole_file
from regard.records.text import Trace, TraceStep

_PACKED = {".gz": gzip.decompress, ".xz": lzma.decompress}


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace into a file that appears when it is whole; its suffix says what as.

    .json: everything, which `read_trace` reads; .npz: the arrays, for `numpy.load`; .csv: a line for each weight;
    .pharaoh or .align: each word's best word, `0-1 2-2`, source first; .softalign: tokens and weights, as
    SoftAlignments and Nematus have it. All but .npz may be packed (.json.gz, .json.xz). Raises ConfigError for
    another suffix, DataError where it cannot be written or where there is no attention, which only .json and .npz
    can do without.
    """
    path = check_trace_file(path)
    form = _form(path)
    if form not in (".json", ".npz") and trace.translation.attention is None:
        raise DataError(
            f"{path}: there is no attention to write as {form}; a file ending in .json takes all there is"
        )
    content = _FORMS[form](trace)
    with whole_file(path) as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def read_trace(path: str | Path) -> Trace:
    """The trace in a JSON file. Raises DataError, naming the file, for what cannot be read as one."""
    path = Path(path)
    try:
        content = _PACKED.get(path.suffix, bytes)(path.read_bytes())
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
    """The path, if a trace can be written there; ConfigError for another suffix, DataError for another place."""
    path = Path(path)
    if _form(path) not in _FORMS or (_form(path) == ".npz" and path.suffix != ".npz"):
        raise ConfigError(
            f"{path}: expected a trace file ending in {', '.join(_FORMS)} (packed: .json.gz), "
            f"got {path.suffix!r}; rename it"
        )
    check_place(path)
    return path


def _form(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix in _PACKED else path.suffix


def _json(trace: Trace) -> str:
    return json.dumps(trace_to_json(trace), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _npz(trace: Trace) -> bytes:
    one = trace.translation
    arrays: dict[str, Any] = {
        "schema": SCHEMA,
        "source": one.source,
        "target": one.text,
        "source_tokens": np.array(one.source_tokens, dtype=str),
        "tokens": np.array(one.tokens, dtype=str),
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
    found = [getattr(step, name) for step in steps]
    return np.stack(found) if found and all(one is not None for one in found) else None


def _csv(trace: Trace) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["step", "token", "source_place", "source_token", "score", "weight"])
    for number, step in enumerate(trace.steps):
        if step.scores is not None and step.weights is not None:
            columns = zip(trace.translation.source_tokens, step.scores, step.weights, strict=True)
            lines.writerows(
                [number, step.token, place, token, score, weight]
                for place, (token, score, weight) in enumerate(columns)
            )
    return text.getvalue()


def _pharaoh(trace: Trace) -> str:
    one = trace.translation
    assert one.attention is not None
    return (
        format_links(
            links_from_attention(one.attention, one.source_words.word_of_token, one.words.word_of_token)
        )
        + "\n"
    )


def _softalign(trace: Trace) -> str:
    """The text that Nematus writes with the weights of a translation, and SoftAlignments reads.

    A line `number ||| target tokens ||| score ||| source tokens ||| S T`, then T lines of S weights, then an empty
    one. End-of-sentence is not among the tokens, but has its row and column, and counts in S and T.
    Source: the README of SoftAlignments (Rikters, Fishel & Bojar 2017, Visualizing neural machine translation
    attention and confidence), "Other"; the order of S and T is that of its example. White space within a token and a
    token `|||` are spelt otherwise, as they would part what belongs together.
    """
    one = trace.translation
    assert one.attention is not None
    count, size = one.attention.shape
    head = [
        "0",
        _softalign_tokens(one.tokens),
        str(one.score),
        _softalign_tokens(one.source_tokens),
        f"{size} {count}",
    ]
    rows = [" ".join(map(str, row)) for row in one.attention.astype(np.float32)]
    return "\n".join([" ||| ".join(head), *rows, "", ""])


def _softalign_tokens(tokens: tuple[str, ...]) -> str:
    shown = ["▁".join(token.split()) or "▁" for token in tokens]
    if tokens[-1:] == ("</s>",):
        shown.pop()
    return " ".join("&#124;&#124;&#124;" if token == "|||" else token for token in shown)


_FORMS: dict[str, Callable[[Trace], str | bytes]] = {
    ".json": _json,
    ".npz": _npz,
    ".csv": _csv,
    ".pharaoh": _pharaoh,
    ".align": _pharaoh,
    ".softalign": _softalign,
}
