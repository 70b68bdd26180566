"""Statistics of attention weights: how they are spread over the source, and how they change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regard.training.reports import AttentionStatistics

_EMPTY_ROW = 1e-6  # a row that sums to less has no weights


def attention_statistics(
    weights: Sequence[NDArray[np.floating]],
    valid: Sequence[NDArray[np.bool_]] | None = None,
    end_column: bool = True,
) -> AttentionStatistics | None:
    """Compute statistics of the weights (T, S) of some sentences; None if there is not a single row.

    `valid` (S,) marks the real source tokens of each sentence if the matrices are padded. With `end_column` the
    last real token is end-of-sentence. Sentences with fewer than three real source tokens are left out of the
    means, because all attention over them looks uniform; they still count for padding and empty rows.
    """
    valid = [np.ones(w.shape[1], bool) for w in weights] if valid is None else valid
    pairs = [(np.asarray(w, np.float64), v) for w, v in zip(weights, valid, strict=True) if w.shape[0]]
    if not pairs:
        return None
    row_sums = np.concatenate([np.nan_to_num(w[:, v]).sum(1) for w, v in pairs])
    on_invalid = max(float(np.nan_to_num(np.abs(w[:, ~v])).sum(1).max()) for w, v in pairs)
    spreads = [_spread(np.nan_to_num(w[:, v]), end_column) for w, v in pairs if v.sum() > 2]
    num_rows = [n for _, n in spreads]
    means = np.average([s for s, _ in spreads], axis=0, weights=num_rows) if spreads else np.zeros(6)
    on_end, on_first, entropy, diversity, distance, change = map(float, means)
    return AttentionStatistics(
        num_rows=sum(num_rows),
        on_end=on_end,
        on_first=on_first,
        entropy=entropy,
        diversity=diversity,
        diagonal_distance=distance,
        change=change,
        on_invalid=on_invalid,
        empty_rows=float((row_sums < _EMPTY_ROW).mean()),
    )


def _spread(weights: NDArray[np.float64], end_column: bool) -> tuple[list[float], int]:
    """Return the six means of one sentence without padding (T, S), in the order of the record, and its T."""
    rows, columns = weights.shape
    most = weights.argmax(1)
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    entropy = -(weights * logs).sum(1).mean() / np.log(columns)
    diagonal = np.linspace(0, 1, rows) if rows > 1 else np.zeros(1)
    distance = np.abs(most / (columns - 1) - diagonal).mean()
    change = np.abs(np.diff(weights, axis=0)).sum(1).mean() / 2 if rows > 1 else 0.0
    on_end = weights[:, -1].mean() if end_column else 0.0
    diversity = len(set(most.tolist())) / min(rows, columns)
    return [on_end, weights[:, 0].mean(), entropy, diversity, distance, change], rows
