"""A heat map of attention as an HTML table, which needs only the style rules in this file.

All text is escaped and hidden characters are made visible; there is no script, and nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape

import numpy as np

from regard.explain.grid import Grid
from regard.explain.words import cell_width, visible

_FAINTEST = 0.005  # smaller weights are left blank
_SHORT = 2  # the width of an upright heading, in terminal cells
_STRONG = 0.55  # from here on the number has the other colour

HEAT_STYLE = """\
.heat { border-collapse: separate; border-spacing: 2px; font-size: .8rem; font-variant-numeric: tabular-nums; }
.heat thead th { vertical-align: bottom; padding: 0 0 .4em; font-weight: 500; }
.heat thead th span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: pre; }
.heat thead th span.short { writing-mode: initial; transform: none; }
.heat tbody th { text-align: right; font-weight: 500; padding: 0 .6em 0 0; white-space: pre; }
.heat td { width: 2.1em; min-width: 2.1em; height: 2.1em; padding: 0; text-align: center; border-radius: 3px;
  background: rgba(var(--heat), var(--w, 0)); box-shadow: inset 0 0 0 1px var(--cell); }
.heat td.corner { box-shadow: none; }
.heat td.strong { color: var(--on-heat); }
.heat td.most { font-weight: 700; }
.heat td.gold { box-shadow: inset 0 0 0 2px var(--gold); }
"""
HEAT_COLOURS = "--heat: 0, 114, 178; --on-heat: #fff; --cell: rgba(0, 0, 0, .06); --gold: #d55e00;"
HEAT_COLOURS_DARK = (
    "--heat: 86, 180, 233; --on-heat: #0b1116; --cell: rgba(255, 255, 255, .08); --gold: #e69f00;"
)


def text_html(text: str) -> str:
    """Escape text for HTML, with hidden characters made visible."""
    return escape(visible(text))


def heat_html(grid: Grid, gold: Collection[tuple[int, int]] = (), gold_is: str = "a gold link") -> str:
    """Return the grid as a table of weights in percent: the larger a weight, the darker its cell.

    The cells of `gold`, pairs (column, row), are outlined; `gold_is` is the meaning of an outline in their tooltips.
    The page needs HEAT_STYLE and a rule that sets HEAT_COLOURS.
    """
    heads = "".join(map(_head_html, grid.source_words))
    rows = "".join(_row_html(grid, row, gold, gold_is) for row in range(len(grid.target_words)))
    head = f'<thead><tr><td class="corner"></td>{heads}</tr></thead>'
    return f'<table class="heat">{head}<tbody>{rows}</tbody></table>'


def _head_html(word: str) -> str:
    """The heading of a column, upright if it is no wider than its cell."""
    short = ' class="short"' if cell_width(word) <= _SHORT else ""
    return f'<th scope="col"><span dir="auto"{short}>{text_html(word)}</span></th>'


def _row_html(grid: Grid, row: int, gold: Collection[tuple[int, int]], gold_is: str) -> str:
    weights = grid.attention[row]
    word = text_html(grid.target_words[row])
    cells = "".join(
        _cell_html(weights, column, f"{word} ← {text_html(source)}", gold_is if (column, row) in gold else "")
        for column, source in enumerate(grid.source_words)
    )
    return f'<tr><th scope="row" dir="auto">{word}</th>{cells}</tr>'


def _cell_html(weights: np.ndarray, column: int, pair: str, gold_is: str) -> str:
    weight = float(weights[column])
    marks = {
        "strong": weight >= _STRONG,
        "most": weight > 0 and weight == weights.max(),
        "gold": bool(gold_is),
    }
    names = " ".join(name for name, is_set in marks.items() if is_set)
    class_attribute = f' class="{names}"' if names else ""
    if weight < _FAINTEST:
        return f"<td{class_attribute}></td>"
    percent = f"{100 * weight:.0f}"
    link = f", {gold_is}" if gold_is else ""
    return f'<td{class_attribute} style="--w:{weight:.2f}" title="{pair}: {percent} %{link}">{percent}</td>'
