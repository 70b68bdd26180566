"""Showing what attention did: in words and numbers, in the terminal, as a picture."""

from __future__ import annotations

from regard.explain.animation import animate, check_animation
from regard.explain.attention_page import Live, attention_page, example_page
from regard.explain.example import (
    ExampleScore,
    WorkedExample,
    example_scores,
    softer_example,
    worked_example,
)
from regard.explain.grid import Grid
from regard.explain.heat_map import HeatMap
from regard.explain.plot import font_advice, plot_attention, plot_bleu_by_length
from regard.explain.terminal import show_example, show_trace
from regard.explain.trace_files import check_trace_file, read_trace, write_trace
from regard.explain.trace_json import SCHEMA, trace_from_json, trace_to_json

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
    "trace_from_json",
    "trace_to_json",
    "worked_example",
    "write_trace",
]
