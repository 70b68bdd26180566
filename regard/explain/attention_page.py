"""A self-contained HTML page of a trace: the steps of attention as an animation, the attention matrix, the beam tree.

Style and script are inlined, and a Content-Security-Policy allows nothing but these, by their hashes. The trace is
embedded as data, and all of it is shown as text.

Watching the steps of attention one after another is an idea of Raimi Karim (*Attn: Illustrated Attention*, 2019); a
page that runs with a real model's numbers is one of the Transformer Explainer (Cho et al. 2024).
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

_ASSETS = files("regard.explain") / "assets"
_CONTEXT_TOLERANCE = (
    1e-4  # a context this close to the sum of the weighted states is left to the page to compute
)


@dataclass(frozen=True)
class Live:
    """Options of a served page, which may send requests to `base` + /v1/trace; an empty `base` is its own server."""

    base: str = ""


def attention_page(trace: Trace, *, title: str = "", live: Live | None = None) -> str:
    """Return the page of a trace as HTML. With `live`, sentences can be typed and attention can be changed."""
    title = title or _title(trace.translation)
    data = {
        "trace": page_trace(trace_to_json(trace)),
        "live": None if live is None else {"base": live.base},
    }
    return _page(title, data, connects=live is not None)


def matrix_page(translation: Translation) -> str:
    """Return a page with only the attention matrix and both sentences, for a translation without a trace.

    The translation must have attention.
    """
    assert translation.attention is not None
    data = {
        "model": {"decoder": "", "score": ""},
        "source": side_to_json(translation.source, translation.source_tokens, translation.source_words),
        "target": side_to_json(translation.text, translation.tokens, translation.words),
        "states": None,
        "steps": [
            {"query": None, "scores": None, "context": None, "weights": _base64(row)}
            for row in translation.attention
        ],
    }
    return _page(_title(translation), {"matrix": data})


def _title(translation: Translation) -> str:
    return f"\u2068{visible(translation.source)}\u2069 → \u2068{visible(translation.text)}\u2069"


def example_page(title: str = "Attention by hand") -> str:
    """Return the page of the worked example: every score function, large and small states, every architecture."""
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
    start = next(index for index, variant in enumerate(variants) if variant["score"] == "dot")
    return _page(
        title, {"trace": variants[start]["trace"], "example": {"variants": variants, "start": start}}
    )


def example_trace(example: WorkedExample, score: ExampleScore | None = None) -> dict[str, Any]:
    """Return the worked example under a score function (dot if None) as a trace's JSON without an output token."""
    score = score or next(row for row in example_scores(example.query, example.values) if row.name == "dot")
    weights = score.weights
    tokens = [f"word\u00a0{number}" for number in range(1, len(example.values) + 1)]
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
        "context": "enters the decoder",
        "bridge": None,
        "cell": None,
        "num_layers": 1,
        "input_feeding": True,
        "query_step": None,
    }
    side = {"text": "", "tokens": tokens, "words": tokens, "word_of_token": list(range(len(tokens)))}
    target = {"text": "", "tokens": [""], "words": [""], "word_of_token": [0]}
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


def page_trace(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a trace as it is embedded in a page: vectors as base64 of float32.

    What the page computes by itself is left out: alignment vectors, and a context that is the sum of the weighted
    states.
    """
    states = None if trace["states"] is None else np.array(trace["states"], dtype=np.float32)
    steps = [_page_step(step, states) for step in trace["steps"]]
    beam = trace["beam"] and {
        **trace["beam"],
        "nodes": [_page_node(node) for node in trace["beam"]["nodes"]],
    }
    encoded = None if states is None else [_base64(row) for row in states]
    return {**trace, "states": encoded, "steps": steps, "beam": beam}


def _page_step(step: Mapping[str, Any], states: np.ndarray | None) -> dict[str, Any]:
    encoded = {key: value for key, value in step.items() if key not in ("id", "alignment")}
    for key in ("query", "weights", "context"):
        encoded[key] = None if step[key] is None else _base64(step[key])
    if states is not None and step["weights"] is not None:
        context = np.array(step["weights"], dtype=np.float64) @ states
        if np.abs(context - np.array(step["context"])).max(initial=0) < _CONTEXT_TOLERANCE:
            del encoded["context"]
    return encoded


def _page_node(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in node.items()}


def _base64(vector: Sequence[float] | np.ndarray) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _page(title: str, data: Mapping[str, Any], *, connects: bool = False) -> str:
    style, script = _style(), _script()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"connect-src {chr(39)}{'self' if connects else 'none'}{chr(39)}; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": escape(title),
        "style": style,
        "data": _json_in_page(data),
        "script": script,
    }
    head, *rest = asset("page.html").split("{{")
    return head + "".join(parts[name] + text for name, text in (fragment.split("}}", 1) for fragment in rest))


def _json_in_page(data: Mapping[str, Any]) -> str:
    """Encode JSON so that it can neither end its element nor reorder the text around it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _style() -> str:
    return "\n".join([colour_rules(), asset("drawing.css"), asset("page.css")])


@cache
def _script() -> str:
    return '(() => {\n"use strict";\n' + drawing_script() + page_script() + asset("start.js") + "})();\n"


@cache
def drawing_script() -> str:
    """Return the pure functions of the page, from a trace and a moment to SVG text, which `animation` runs too."""
    return _joined("drawing")


@cache
def page_script() -> str:
    """Return the functions of the page that need a browser, without the call that starts it."""
    return _joined("page")


def _joined(folder: str) -> str:
    """Join all scripts of a folder. Their order does not matter: none uses another one while it is loaded."""
    scripts = sorted((_ASSETS / folder).iterdir(), key=lambda file: file.name)
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


def asset(name: str) -> str:
    """Return the text of a file in `assets`: a script, a style sheet or the page's frame."""
    return (_ASSETS / name).read_text(encoding="utf-8")
