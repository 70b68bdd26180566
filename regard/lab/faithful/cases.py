"""Sentences to look at: where the words looked at most are not those that matter most."""

from __future__ import annotations

import numpy as np

from regard.explain import Grid
from regard.lab.faithful.measures import Probe

TITLE = "Where attention and erasure differ most"
NOTE = (
    "The weights in percent; in each row where some word matters, the word whose erasure changes the output token "
    "most is"
)


def grid_of(probe: Probe) -> Grid:
    """The weights as they are shown: a row for each output token, a column for each unit, the end last."""
    labels = (*probe.units.texts, probe.forced.source_tokens[-1])
    return Grid(probe.matrix, labels, probe.forced.tokens[: len(probe.weights)], ends=True)


def most_erased(probe: Probe) -> dict[int, int]:
    """The unit that matters most, by output token, where some unit matters."""
    return {row: int(probe.erased[row].argmax()) for row in np.flatnonzero(probe.decisive).tolist()}


def remarks(probe: Probe) -> list[str]:
    """Output token by token: what mattered most and was not looked at most, with both numbers."""
    grid, told = grid_of(probe), []
    for row, unit in most_erased(probe).items():
        looked = int(grid.attention[row].argmax())
        if looked != unit:
            told.append(
                f"{grid.target_words[row]}: looked at {grid.source_words[looked]} "
                f"({100 * grid.attention[row, looked]:.0f} %), {grid.source_words[unit]} mattered "
                f"({probe.erased[row, unit]:.1f} nats, {100 * grid.attention[row, unit]:.0f} %)"
            )
    return told
