"""Translations and traces showing themselves: as a page in a notebook, as a heat map in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from rich.console import Group, RenderableType
from rich.text import Text

from regard.explain.attention_page import attention_page, matrix_page
from regard.explain.grid import Grid
from regard.explain.heat_map import HeatMap
from regard.explain.page import text_html
from regard.explain.terminal import show_trace
from regard.explain.words import visible
from regard.records.text import Display, Trace, Translation

_ROW, _FRAME, _MOST = 32, 480, 900  # pixels: a row of the matrix, what stands around it, the tallest frame
_TRACE_HEIGHT = 900


def translation_html(translation: Translation) -> str:
    """Its matrix as an inline frame of a notebook; without attention, the two sentences."""
    if translation.attention is None:
        return f"<p>{text_html(translation.source)} → {text_html(translation.text)}</p>"
    height = min(_FRAME + _ROW * len(translation.tokens), _MOST)
    return _frame(matrix_page(translation), height)


def trace_html(trace: Trace) -> str:
    """The whole page as an inline frame of a notebook."""
    return _frame(attention_page(trace), _TRACE_HEIGHT)


def show_translation(translation: Translation) -> RenderableType:
    """Both sentences, and the heat map of what was looked at."""
    return Group(*_translation_parts(translation))


def _translation_parts(translation: Translation) -> Iterator[RenderableType]:
    yield Text(f"{visible(translation.source)} → {visible(translation.text)}", "bold")
    grid = Grid.of(translation)
    if grid is not None:
        yield HeatMap(grid.matrix, grid.source_words, grid.target_words)


def _frame(page: str, height: int) -> str:
    """A page within a page: it runs its own script and can reach nothing of the notebook."""
    return (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-scripts" title="Attention" width="100%" height="{height}" '
        'style="border: 0"></iframe>'
    )


Translation.show_as(Display(html=translation_html, terminal=show_translation))
Trace.show_as(Display(html=trace_html, terminal=show_trace))
