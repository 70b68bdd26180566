"""One file that shows all of a trace: the steps moving, the matrix, the beam; nothing else is needed to open it.

Style and script are inlined, and a Content-Security-Policy lets in nothing but these, by their hashes. The trace lies
in the page as data; all of it is shown as text.

The idea of watching the steps of attention one after another is Raimi Karim's (*Attn: Illustrated Attention*, 2019);
that of a page which runs with a real model's numbers is the Transformer Explainer's (Cho et al. 2024).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from regard.explain.colours import colour_rules
from regard.explain.example import ExampleScore, WorkedExample, example_scores, softer_example, worked_example
from regard.explain.trace_json import SCHEMA, side_to_json, trace_to_json
from regard.explain.words import visible
from regard.records.text import Trace, Translation

DRAWING = ("numbers.js", "draw.js", "diagrams.js", "words.js")  # pure; `animation` runs them too
PAGE = ("tree.js", "page.js", "player.js", "matrix.js", "beam.js", "example.js", "live.js", "start.js")
_SAME = 1e-4  # a context nearer than this to the sum of the weighted states need not be in the page


@dataclass(frozen=True)
class Live:
    """The page is served and may ask the server: `base` stands before /v1/trace, empty for the same place."""

    base: str = ""


def attention_page(trace: Trace, *, title: str = "", live: Live | None = None) -> str:
    """The whole page of a trace as HTML text. With `live`, sentences can be typed and attention changed."""
    title = title or _title(trace.translation)
    data = {
        "trace": packed_trace(trace_to_json(trace)),
        "live": None if live is None else {"base": live.base},
    }
    return _page(title, data, connects=live is not None)


def matrix_page(translation: Translation) -> str:
    """The page with the matrix alone, linked with both sentences: all that a translation without a trace has to show.

    Its attention must not be None.
    """
    assert translation.attention is not None
    data = {
        "model": {"decoder": "", "score": ""},
        "source": side_to_json(translation.source, translation.source_tokens, translation.source_words),
        "target": side_to_json(translation.text, translation.tokens, translation.words),
        "states": None,
        "steps": [
            {"query": None, "scores": None, "context": None, "weights": _packed(row)}
            for row in translation.attention
        ],
    }
    return _page(_title(translation), {"matrix": data})


def _title(one: Translation) -> str:
    return f"\u2068{visible(one.source)}\u2069 → \u2068{visible(one.text)}\u2069"


def example_page(title: str = "Attention by hand") -> str:
    """The worked example as a page: every score function, large and small states, each decoder's drawing."""
    variants = [
        {
            "score": score.name,
            "parameters": score.parameters,
            "size": example.title,
            "trace": example_trace(example, score),
        }
        for example in (worked_example(), softer_example())
        for score in example_scores(example.query, example.values)
    ]
    start = next(place for place, variant in enumerate(variants) if variant["score"] == "dot")
    return _page(
        title, {"trace": variants[start]["trace"], "example": {"variants": variants, "start": start}}
    )


def example_trace(example: WorkedExample, score: ExampleScore | None = None) -> dict[str, Any]:
    """The worked example under a score function (without one: dot) as a trace's JSON; there is no next word."""
    score = score or next(one for one in example_scores(example.query, example.values) if one.name == "dot")
    weights = score.weights
    tokens = [f"word\u00a0{place}" for place in range(1, len(example.values) + 1)]
    step = {
        "token": "",
        "id": -1,
        "log_probability": None,
        "candidates": [],
        "query": example.query.tolist(),
        "scores": score.scores.tolist(),
        "weights": weights.tolist(),
        "context": (weights @ example.values).tolist(),
        "alignment": None,
        "intervention": None,
    }
    model = {
        "decoder": "bahdanau",
        "score": score.name,
        "formula": score.formula,
        "score_source": score.source,
        "query": "the decoder's hidden state",
        "context": "goes on into the decoder",
        "bridge": None,
        "cell": None,
        "num_layers": 1,
        "input_feeding": True,
        "query_step": None,
    }
    side = {"text": "", "tokens": tokens, "words": tokens, "places": list(range(len(tokens)))}
    target = {"text": "", "tokens": [""], "words": [""], "places": [0]}
    return {
        "schema": SCHEMA,
        "model": model,
        "source": side,
        "target": target,
        "log_probability": None,
        "score": None,
        "states": example.values.tolist(),
        "steps": [step],
        "beam": None,
    }


def packed_trace(trace: Mapping[str, Any]) -> dict[str, Any]:
    """The trace's JSON with its vectors as base64 of float32, and without what the page computes by itself.

    A context is left out where it is the sum of the weighted states, alignment vectors always.
    """
    states = None if trace["states"] is None else np.array(trace["states"], dtype=np.float32)
    steps = [_packed_step(step, states) for step in trace["steps"]]
    beam = trace["beam"] and {
        **trace["beam"],
        "nodes": [_packed_node(node) for node in trace["beam"]["nodes"]],
    }
    packed = None if states is None else [_packed(row) for row in states]
    return {**trace, "states": packed, "steps": steps, "beam": beam}


def _packed_step(step: Mapping[str, Any], states: np.ndarray | None) -> dict[str, Any]:
    packed = {key: value for key, value in step.items() if key not in ("id", "alignment")}
    for key in ("query", "weights", "context"):
        packed[key] = None if step[key] is None else _packed(step[key])
    if states is not None and step["weights"] is not None:
        summed = np.array(step["weights"], dtype=np.float64) @ states
        if np.abs(summed - np.array(step["context"])).max(initial=0) < _SAME:
            del packed["context"]
    return packed


def _packed_node(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in node.items()}


def _packed(numbers: Sequence[float] | np.ndarray) -> str:
    return base64.b64encode(np.asarray(numbers, dtype="<f4").tobytes()).decode()


def _page(title: str, data: Mapping[str, Any], *, connects: bool = False) -> str:
    style, script = _style(), _script()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"connect-src {chr(39)}{'self' if connects else 'none'}{chr(39)}; base-uri 'none'; form-action 'none'"
    )
    shell = asset("page.html")
    parts = {
        "policy": policy,
        "title": escape(title),
        "style": style,
        "data": _json_in_page(data),
        "script": script,
    }
    head, *rest = shell.split("{{")
    return head + "".join(parts[name] + text for name, text in (part.split("}}", 1) for part in rest))


def _json_in_page(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in, nor turn the text around it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _style() -> str:
    return "\n".join([colour_rules(), asset("draw.css"), asset("page.css")])


@cache
def _script() -> str:
    return '(() => {\n"use strict";\n' + drawing_script() + "\n".join(map(asset, PAGE)) + "})();\n"


@cache
def drawing_script() -> str:
    """The pure part of the script: a trace and a moment in, SVG text out."""
    return "\n".join(map(asset, DRAWING))


def asset(name: str) -> str:
    """A file of the page's parts: script, style or frame."""
    return (files("regard.explain") / "assets" / name).read_text(encoding="utf-8")
