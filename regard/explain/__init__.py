"""Show what attention did: as text and numbers, in the terminal, as a picture, a page or a film.

What needs `rich` is imported when it is first used, so that pages and files can be written without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from regard.explain.animation import animate, check_animation
from regard.explain.attention_page import Live, attention_page, example_page
from regard.explain.example import (
    ExampleScore,
    WorkedExample,
    example_scores,
    softer_example,
    worked_example,
)
from regard.explain.grid import Grid, source_units
from regard.explain.plot import font_advice, plot_attention, plot_bleu_by_length
from regard.explain.trace_files import check_trace_file, read_trace, write_trace
from regard.explain.trace_json import SCHEMA, trace_from_json, trace_to_json

if TYPE_CHECKING:
    from regard.explain.heat_map import HeatMap
    from regard.explain.terminal import show_example, show_trace

_LAZY = {"HeatMap": "heat_map", "show_example": "terminal", "show_trace": "terminal"}  # name: module

__all__ = [
    "SCHEMA",
    "ExampleScore",
    "Grid",
    "HeatMap",
    "Live",
    "WorkedExample",
    "animate",
    "attention_page",
    "check_animation",
    "check_trace_file",
    "example_page",
    "example_scores",
    "font_advice",
    "plot_attention",
    "plot_bleu_by_length",
    "read_trace",
    "show_example",
    "show_trace",
    "softer_example",
    "source_units",
    "trace_from_json",
    "trace_to_json",
    "worked_example",
    "write_trace",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'regard.explain' has no attribute {name!r}")
    return getattr(import_module(f"regard.explain.{_LAZY[name]}"), name)
