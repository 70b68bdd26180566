"""A trace that is written and read back is the same trace."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.build import describe_model
from regard.errors import DataError
from regard.explain import SCHEMA, trace_from_json, trace_to_json
from regard.records.text import BeamNode, BeamTree, Candidate, Trace, TraceStep, Translation, Words
from tests.small import small_model

TEXT = st.text(max_size=6)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
LOG = st.floats(max_value=0, allow_nan=False) | st.just(-math.inf)
PLACES = st.lists(st.integers(-1, 5), max_size=3).map(tuple)


def numbers(*shape: int, minus_infinity: bool = False) -> st.SearchStrategy[np.ndarray]:
    """Float32 of any size and sign, the smallest and minus zero among them."""
    floats = st.floats(allow_nan=False, allow_infinity=False, width=32)
    floats = floats | st.just(-math.inf) if minus_infinity else floats
    size = math.prod(shape)
    flat = st.lists(floats, min_size=size, max_size=size)
    return flat.map(lambda values: np.array(values, dtype=np.float32).reshape(shape))


@st.composite
def sides(draw: st.DrawFn, length: int) -> tuple[str, tuple[str, ...], Words]:
    """A text with its tokens and words, empty or of any characters."""
    tokens = tuple(draw(st.lists(TEXT, min_size=length, max_size=length)))
    words = tuple(draw(st.lists(TEXT, max_size=3)))
    return draw(TEXT), tokens, Words(words, draw(PLACES))


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Any trace: with attention or without, with or without states, alignment, beam; perhaps of no step."""
    attends, length, sources, width = draw(st.booleans()), draw(st.integers(0, 3)), draw(st.integers(1, 3)), 2
    aligned = attends and draw(st.booleans())
    source, source_tokens, source_words = draw(sides(sources))
    text, tokens, words = draw(sides(length))
    steps = tuple(
        TraceStep(
            token=token,
            id=draw(st.integers(0, 10**6)),
            log_probability=draw(LOG),
            candidates=tuple(draw(st.lists(st.builds(Candidate, TEXT, FLOAT), max_size=2))),
            query=draw(numbers(3)) if attends else None,
            scores=draw(numbers(sources, minus_infinity=True)) if attends else None,
            weights=draw(numbers(sources)) if attends else None,
            context=draw(numbers(width)) if attends else None,
            alignment=draw(numbers(sources, width)) if aligned else None,
            intervention=draw(st.sampled_from([None, "attend", "weights", "force", "attend+force"])),
        )
        for token in tokens
    )
    translation = Translation(
        text=text,
        log_probability=draw(LOG),
        score=draw(LOG),
        tokens=tokens,
        attention=np.stack([step.weights for step in steps]) if attends and steps else None,
        source=source,
        source_tokens=source_tokens,
        words=words,
        source_words=source_words,
        log_probabilities=tuple(step.log_probability for step in steps),
    )
    states = draw(st.none() | numbers(sources, width))
    description = draw(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none(), max_size=3))
    nodes = st.builds(
        BeamNode,
        *[st.integers(-1, 99)] * 3,
        TEXT,
        LOG,
        LOG,
        *[st.booleans()] * 3,
    )
    beam = draw(st.none() | st.builds(BeamTree, st.integers(1, 9), st.lists(nodes, max_size=3).map(tuple)))
    return Trace(translation, states, steps, description, beam)


def assert_equal(one: Any, other: Any) -> None:
    """Equal in every field and bit, arrays with their types."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    elif hasattr(one, "__dataclass_fields__"):
        for field in one.__dataclass_fields__:
            assert_equal(getattr(one, field), getattr(other, field))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    else:
        assert one == other


# While tests run, records check their fields, and which items of a tuple is drawn by chance.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@given(trace=traces())
@settings(deadline=None)
def test_what_is_written_is_read_back(trace: Trace) -> None:
    written = json.dumps(trace_to_json(trace), allow_nan=False)
    assert_equal(trace_from_json(json.loads(written)), trace)


def test_floats_are_written_short() -> None:
    trace = small()
    assert trace_to_json(trace)["steps"][0]["scores"] == [0.1, None]
    assert trace_to_json(trace)["states"] == [[0.1, -2.0], [0.0, 1e-30]]


def test_what_no_model_should_give_is_refused() -> None:
    broken = small(np.array([0.1, np.nan]))
    with pytest.raises(DataError, match="a trace holds nan"):
        trace_to_json(broken)


@pytest.mark.parametrize("found", ["regard-trace/1", None, 1])
def test_another_schema_is_refused(found: object) -> None:
    data = trace_to_json(small()) | {"schema": found}
    with pytest.raises(DataError, match=f"expected a trace of schema '{SCHEMA}', got {found!r}"):
        trace_from_json(data)


@pytest.mark.parametrize("data", [[], "text", None, {}])
def test_what_is_no_trace_is_refused(data: Any) -> None:
    with pytest.raises(DataError, match="got None; write it again"):
        trace_from_json(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": None}, "TypeError"),
        ({"source": {"text": ""}}, "KeyError: 'tokens'"),
        ({"states": [[1.0], [1.0, 2.0]]}, "ValueError"),
        ({"beam": {"beam": 1, "nodes": [{"id": 0}]}}, "KeyError: 'log_probability'"),
        ({"model": 3}, "TypeError"),
    ],
)
def test_a_missing_or_malformed_part_is_named(change: dict, words: str) -> None:
    with pytest.raises(DataError, match=f"expected a complete trace of schema '{SCHEMA}', got {words}"):
        trace_from_json(trace_to_json(small()) | change)


def small(scores: np.ndarray | None = None) -> Trace:
    """A trace of one step with two source tokens."""
    scores = np.array([0.1, -np.inf], dtype=np.float32) if scores is None else scores
    weights, context = np.array([1, 0], dtype=np.float32), np.array([0.1, -2], dtype=np.float32)
    step = TraceStep("a", 4, -0.5, (Candidate("a", 0.6),), context, scores, weights, context)
    translation = Translation(
        "a", -0.5, -0.5, ("a",), weights[None], "b", ("b", "</s>"), log_probabilities=(-0.5,)
    )
    return Trace(translation, np.array([[0.1, -2], [0, 1e-30]], dtype=np.float32), (step,), {})


def test_every_key_is_documented() -> None:
    document = (Path(__file__).parents[2] / "docs" / "trace.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(\w+)`", document))
    model = describe_model(small_model())
    node = BeamNode(0, -1, 0, "a", -0.5, -0.5, kept=True, finished=False, best=True)
    data = trace_to_json(replace(small(), description=model, beam=BeamTree(1, (node,))))
    assert f"`{SCHEMA}`" in document
    assert keys_of(data) - documented == set()


def keys_of(data: Any) -> set[str]:
    """All keys of nested dicts."""
    if isinstance(data, dict):
        return {*data, *(key for value in data.values() for key in keys_of(value))}
    return {key for value in data for key in keys_of(value)} if isinstance(data, list) else set()
