"""Toy traces as JSON: the caller says which source token each output token attends to, the rest follows.

The toy model translates word by word with a small dictionary: it outputs the translation of the token with the
largest weight, so the effect of changed weights can be predicted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DICTIONARY = {
    "die": "the",
    "alte": "old",
    "frau": "woman",
    "lacht": "laughs",
    "oft": "often",
    ".": ".",
    "</s>": "</s>",
}
MODELS: dict[str, dict[str, Any]] = {
    "bahdanau": {"decoder": "bahdanau"},
    "luong": {"decoder": "luong", "input_feeding": True},
    "luong, not fed": {"decoder": "luong", "input_feeding": False},
    "gnmt": {"decoder": "gnmt", "num_layers": 3, "query_step": "previous"},
    "gnmt, current query": {"decoder": "gnmt", "num_layers": 3, "query_step": "current"},
    "plain": {"decoder": "plain", "score": "none", "formula": None},
}
HOSTILE = (
    "<script>alert(1)</script>",
    "</script>",
    "<img/src=x/onerror=alert(2)>",
    "&amp;",
    "\"'",
    "\u202eevil",
    "\u2028",
    "${x}",
)


def toy_trace(
    source: str = "die alte frau lacht .",
    target: str | None = None,
    attended: Sequence[int] | None = None,
    *,
    size: int = 8,
    interventions: Sequence[Mapping[str, Any]] = (),
    **model: Any,
) -> dict[str, Any]:
    """Return a trace whose token t attends most to source token `attended[t]`, by default to token t."""
    tokens = [*source.split(), "</s>"]
    attended = range(len(tokens)) if attended is None else attended
    forced = None if target is None else [*target.split(), "</s>"]
    random = np.random.default_rng(len(tokens))
    states = np.float32(np.tanh(random.normal(size=(len(tokens), size))))
    described = _model(model)
    steps = []
    for step, best in enumerate(attended):
        changes = [one for one in interventions if one["step"] == step]
        steps.append(_step(tokens, states, best, forced and forced[step], changes, described, random))
        if steps[-1]["token"] == "</s>":
            break
    output = [step["token"] for step in steps]
    return {
        "schema": "regard-trace/2",
        "model": described,
        "source": _side(source, tokens),
        "target": _side(" ".join(output[:-1]), output),
        "log_probability": math.fsum(step["log_probability"] for step in steps),
        "score": -0.25,
        "states": states.tolist(),
        "steps": steps,
        "beam": _beam(steps),
    }


def _model(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "encoder": "recurrent",
        "encoder_description": "1 layer of gru cells, in both directions; 8 numbers for each source token",
        "decoder": "bahdanau",
        "cell": "gru",
        "num_layers": 1,
        "bridge": "dense",
        "input_feeding": None,
        "query_step": None,
        "score": "additive",
        "formula": "v · tanh(W q + U k)",
        "score_source": "Bahdanau 2015, A.1.2",
        "query": "the decoder state before the step, s_{i-1}",
        "context": "enters the recurrent cell with the last word, and the output layer",
    } | dict(changes)


def _step(
    tokens: list[str],
    states: np.ndarray,
    best: int,
    target: str | None,
    changes: list[Mapping[str, Any]],
    model: Mapping[str, Any],
    random: np.random.Generator,
) -> dict[str, Any]:
    scores = random.normal(size=len(tokens)) * 0.5
    scores[best] += 3
    weights = np.exp(scores) / np.exp(scores).sum()
    for change in changes:
        if change["kind"] == "attend":
            weights = np.isin(np.arange(len(tokens)), change["to"]) / len(change["to"])
        elif change["kind"] == "weights":
            weights = np.array(change["row"]) / sum(change["row"])
    source = tokens[int(weights.argmax())]
    token = target or DICTIONARY.get(source, source)
    forced = [change["token"] for change in changes if change["kind"] == "force"]
    others = [word for word in ("the", "woman", "a", "old", "one") if word != token][:4]
    shares = [0.625, 0.1875, 0.125, 0.03125, 0.015625]
    candidates = [
        {"token": word, "probability": share} for word, share in zip([token, *others], shares, strict=True)
    ]
    attends = model["decoder"] != "plain"
    return {
        "token": forced[0] if forced else token,
        "id": 4,
        "log_probability": math.log(0.015625 if forced else 0.625),
        "candidates": candidates,
        "query": np.float32(np.tanh(random.normal(size=6))).tolist() if attends else None,
        "scores": np.float32(scores).tolist() if attends else None,
        "weights": np.float32(weights).tolist() if attends else None,
        "context": np.float32(weights @ states).tolist() if attends else None,
        "alignment": None,
        "intervention": changes[0]["kind"] if changes else None,
    }


def _side(text: str, tokens: list[str]) -> dict[str, Any]:
    words = tokens[:-1]
    return {"text": text, "tokens": tokens, "words": words, "word_of_token": [*range(len(words)), -1]}


def _beam(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A beam of two: one hypothesis is the translation, the other the next best token, which is not continued."""
    nodes: list[dict[str, Any]] = []
    parent, so_far = -1, 0.0
    for number, step in enumerate(steps):
        first = len(nodes)
        for rank, candidate in enumerate(step["candidates"][:4]):
            total = so_far + math.log(candidate["probability"])
            nodes.append(
                {
                    "id": len(nodes),
                    "parent": parent,
                    "step": number,
                    "token": candidate["token"],
                    "log_probability": total,
                    "score": total,
                    "kept": rank < 2,
                    "finished": candidate["token"] == "</s>",
                    "best": rank == 0,
                }
            )
        parent, so_far = first, nodes[first]["log_probability"]
    return {"beam": 2, "nodes": nodes}
