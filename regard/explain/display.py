"""The display of translations and traces: a page in a notebook, a heat map in a terminal.

Importing this module registers it with the records."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from rich.console import Group, RenderableType
from rich.text import Text

from regard.explain.attention_page import attention_page, matrix_page
from regard.explain.grid import Grid
from regard.explain.heat_map import HeatMap
from regard.explain.heat_table import text_html
from regard.explain.terminal import show_trace
from regard.explain.words import visible
from regard.records.text import Display, Trace, Translation

_ROW_HEIGHT, _REST_HEIGHT, _MAX_HEIGHT = 32, 480, 900  # pixels: a row of the matrix, all else, the frame


def translation_html(translation: Translation) -> str:
    """Return an inline frame with the attention matrix for a notebook; without attention, the two sentences."""
    if translation.attention is None:
        return f"<p>{text_html(translation.source)} → {text_html(translation.text)}</p>"
    height = min(_REST_HEIGHT + _ROW_HEIGHT * len(translation.tokens), _MAX_HEIGHT)
    return _frame(matrix_page(translation), height)


def trace_html(trace: Trace) -> str:
    """Return an inline frame with the whole page of a trace for a notebook."""
    return _frame(attention_page(trace), _MAX_HEIGHT)


def show_translation(translation: Translation) -> RenderableType:
    """Return both sentences and the heat map of the attention as a rich renderable."""
    return Group(*_translation_parts(translation))


def _translation_parts(translation: Translation) -> Iterator[RenderableType]:
    yield Text(f"{visible(translation.source)} → {visible(translation.text)}", "bold")
    grid = Grid.of(translation)
    if grid is not None:
        yield HeatMap(grid.attention, grid.source_words, grid.target_words)


def _frame(page: str, height: int) -> str:
    """Embed a page so that it can run its own script but has no access to the notebook."""
    return (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-scripts" title="Attention" width="100%" height="{height}" '
        'style="border: 0"></iframe>'
    )


Translation.show_as(Display(html=translation_html, terminal=show_translation))
Trace.show_as(Display(html=trace_html, terminal=show_trace))
