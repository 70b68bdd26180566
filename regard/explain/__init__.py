"""Showing what attention did: in words and numbers, in the terminal, as a picture."""

from __future__ import annotations

from regard.explain.example import (
    ExampleScore,
    WorkedExample,
    example_scores,
    softer_example,
    worked_example,
)
from regard.explain.grid import Grid, source_units
from regard.explain.heat_map import HeatMap
from regard.explain.plot import font_advice, plot_attention, plot_bleu_by_length
from regard.explain.terminal import show_example, show_trace

__all__ = [
    "ExampleScore",
    "Grid",
    "HeatMap",
    "WorkedExample",
    "example_scores",
    "font_advice",
    "plot_attention",
    "plot_bleu_by_length",
    "show_example",
    "show_trace",
    "softer_example",
    "source_units",
    "worked_example",
]
