"""The sentences that a report shows: those where the word attended to most is not the one that matters most."""

from __future__ import annotations

import numpy as np

from regard.explain import Grid
from regard.lab.faithful.measures import Probe

TITLE = "Where attention and erasure differ most"
NOTE = (
    "Attention weights in per cent; in each row where some word matters, the word whose erasure changes the output "
    "token most is"
)


def grid_of(probe: Probe) -> Grid:
    """Return the weights as a grid: a row for each output token, a column for each unit, the end last."""
    labels = (*probe.units.texts, probe.forced.source_tokens[-1])
    return Grid(probe.matrix, labels, probe.forced.tokens[: len(probe.weights)], ends=True)


def most_important_units(probe: Probe) -> dict[int, int]:
    """Return the unit that matters most by output token, for those tokens to which some unit matters."""
    return {row: int(probe.erased[row].argmax()) for row in np.flatnonzero(probe.decisive).tolist()}


def remarks(probe: Probe) -> list[str]:
    """Name, for each output token, the unit that matters most without being attended to most, with both numbers."""
    grid, lines = grid_of(probe), []
    for row, unit in most_important_units(probe).items():
        attended = int(grid.attention[row].argmax())
        if attended != unit:
            lines.append(
                f"{grid.target_words[row]}: attends to {grid.source_words[attended]} "
                f"({100 * grid.attention[row, attended]:.0f} %), but {grid.source_words[unit]} matters most "
                f"({probe.erased[row, unit]:.1f} nats, {100 * grid.attention[row, unit]:.0f} %)"
            )
    return lines
