"""Traces to JSON, for pages and other programs, and back without loss. `docs/trace.md` describes the format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from regard.errors import DataError
from regard.records.text import BeamNode, BeamTree, Candidate, Trace, TraceStep, Translation, Words

SCHEMA = "regard-trace/2"


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """Return the trace as JSON data; None stands for minus infinity. Raises DataError for NaN or infinity."""
    translation = trace.translation
    return {
        "schema": SCHEMA,
        "model": dict(trace.description),
        "source": side_to_json(translation.source, translation.source_tokens, translation.source_words),
        "target": side_to_json(translation.text, translation.tokens, translation.words),
        "log_probability": _number(translation.log_probability),
        "score": _number(translation.score),
        "states": _numbers(trace.states),
        "steps": [_step(step) for step in trace.steps],
        "beam": None if trace.beam is None else _beam(trace.beam),
    }


def trace_from_json(data: Mapping[str, Any]) -> Trace:
    """Return the trace that `trace_to_json` encoded. Raises DataError for anything else, also for another schema."""
    found = data.get("schema") if isinstance(data, Mapping) else None
    if found != SCHEMA:
        raise DataError(
            f"expected a trace of schema {SCHEMA!r}, got {found!r}; write it again with this version of regard"
        )
    try:
        return _trace(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"expected a complete trace of schema {SCHEMA!r}, got {type(error).__name__}: {error}; write it again"
        ) from None


def side_to_json(text: str, tokens: tuple[str, ...], words: Words) -> dict[str, Any]:
    """Return one side of a sentence pair as JSON data; `word_of_token` is -1 for a token of no word."""
    return {
        "text": text,
        "tokens": list(tokens),
        "words": list(words.texts),
        "word_of_token": list(words.word_of_token),
    }


def _step(step: TraceStep) -> dict[str, Any]:
    return {
        "token": step.token,
        "id": step.id,
        "log_probability": _number(step.log_probability),
        "candidates": [asdict(candidate) for candidate in step.candidates],
        "query": _numbers(step.query),
        "scores": _numbers(step.scores),
        "weights": _numbers(step.weights),
        "context": _numbers(step.context),
        "alignment": _numbers(step.alignment),
        "intervention": step.intervention,
    }


def _beam(tree: BeamTree) -> dict[str, Any]:
    nodes = [
        asdict(node) | {"log_probability": _number(node.log_probability), "score": _number(node.score)}
        for node in tree.nodes
    ]
    return {"beam": tree.beam, "nodes": nodes}


def _numbers(values: np.ndarray | None) -> list[Any] | None:
    """Convert an array to nested lists, each number with the fewest digits that distinguish it as a float32."""
    if values is None:
        return None
    if values.ndim > 1:
        return [_numbers(row) for row in values]
    return [_number(float(digits)) for digits in values.astype(np.float32).astype(str)]


def _number(value: float) -> float | None:
    if math.isnan(value) or value == math.inf:
        raise DataError(f"a trace holds {value}, which no model should output; check the model's parameters")
    return None if value == -math.inf else value


def _trace(data: Mapping[str, Any]) -> Trace:
    steps = tuple(_read_step(step) for step in data["steps"])
    source, target, beam = data["source"], data["target"], data["beam"]
    weights = [step.weights for step in steps if step.weights is not None]
    translation = Translation(
        text=target["text"],
        log_probability=_read_number(data["log_probability"]),
        score=_read_number(data["score"]),
        tokens=tuple(target["tokens"]),
        attention=np.stack(weights) if weights else None,
        source=source["text"],
        source_tokens=tuple(source["tokens"]),
        words=Words(tuple(target["words"]), tuple(target["word_of_token"])),
        source_words=Words(tuple(source["words"]), tuple(source["word_of_token"])),
        log_probabilities=tuple(step.log_probability for step in steps),
    )
    tree = None if beam is None else BeamTree(beam["beam"], tuple(map(_read_node, beam["nodes"])))
    return Trace(translation, _read_numbers(data["states"]), steps, dict(data["model"]), tree)


def _read_step(data: Mapping[str, Any]) -> TraceStep:
    return TraceStep(
        token=data["token"],
        id=data["id"],
        log_probability=_read_number(data["log_probability"]),
        candidates=tuple(Candidate(**candidate) for candidate in data["candidates"]),
        query=_read_numbers(data["query"]),
        scores=_read_numbers(data["scores"]),
        weights=_read_numbers(data["weights"]),
        context=_read_numbers(data["context"]),
        alignment=_read_numbers(data["alignment"]),
        intervention=data["intervention"],
    )


def _read_node(data: Mapping[str, Any]) -> BeamNode:
    numbers = {key: _read_number(data[key]) for key in ("log_probability", "score")}
    return BeamNode(**{**data, **numbers})


def _read_numbers(values: list[Any] | None) -> np.ndarray | None:
    if values is None:
        return None
    array = np.array(values, dtype=np.float32)  # None becomes NaN
    array[np.isnan(array)] = -np.inf
    return array


def _read_number(value: float | None) -> float:
    return -math.inf if value is None else float(value)
