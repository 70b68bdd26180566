"""The drawing scripts of the page, run in a small JavaScript engine: they show the numbers of the trace."""

from __future__ import annotations

import json
import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from regard.explain.attention_page import (
    asset,
    drawing_script,
    example_trace,
    page_script,
    page_trace,
)
from regard.explain.example import softer_example, worked_example
from tests.traces import HOSTILE, MODELS, toy_trace

quickjs = pytest.importorskip("quickjs", reason="the drawing runs in QuickJS: pip install 'regard[animate]'")
SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = [1200, 340]
ATTENTIVE = [name for name in MODELS if name != "plain"]


class Engine:
    """All scripts of the page but the one that starts it; `call` evaluates an expression on JSON values."""

    def __init__(self) -> None:
        self.context = quickjs.Context()
        scripts = [drawing_script(), asset("film.js"), page_script()]
        self.context.eval("\n".join(scripts))

    def call(self, expression: str, **values: object) -> Any:
        for name, value in values.items():
            self.context.set(f"json_{name}", json.dumps(value))
            self.context.eval(f"var {name} = JSON.parse(json_{name})")
        return json.loads(self.context.eval(f"JSON.stringify({expression})"))

    def draw(
        self, trace: dict[str, Any], step: int, time: float, width: int = 1200, **options: Any
    ) -> ElementTree.Element:
        options = {"width": width, "height": 460, **options}
        text = self.call(
            "drawStep(decodeTrace(trace), step, time, options)",
            trace=trace,
            step=step,
            time=time,
            options=options,
        )
        return ElementTree.fromstring(text)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def numbers(drawing: ElementTree.Element, part: str) -> dict[int, float]:
    """The numbers shown for a part by their indices, ≈0 and ≈1 as 0 and 1."""
    found = {}
    for text in drawing.iter(f"{SVG}text"):
        name, _, index = text.get("data-of", "").partition(":")
        if name == part and "number" in text.get("class", "").split():
            shown = (text.text or "").replace("−", "-").replace("≈", "").replace("%", "").strip(" <>")
            found[int(index)] = float(shown)
    return found


def flows(drawing: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [path for path in drawing.iter(f"{SVG}path") if path.get("class") == f"flow {kind}"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ATTENTIVE)
def test_every_number_is_the_traces(engine: Engine, name: str, width: int) -> None:
    trace = toy_trace(**MODELS[name])
    for number, step in enumerate(trace["steps"]):
        drawing = engine.draw(trace, number, 6, width)
        weights, scores = numbers(drawing, "weight"), numbers(drawing, "score")
        assert weights == {index: pytest.approx(w, abs=0.0051) for index, w in enumerate(step["weights"])}
        assert scores == {index: pytest.approx(s, abs=0.0051) for index, s in enumerate(step["scores"])}
        probabilities = numbers(drawing, "candidate")
        expected = {
            index: pytest.approx(100 * candidate["probability"], abs=0.51)
            for index, candidate in enumerate(step["candidates"])
        }
        assert probabilities == expected


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", MODELS)
def test_nothing_lies_outside_and_all_is_numbers(engine: Engine, name: str, width: int) -> None:
    trace = toy_trace(**MODELS[name])
    for time in (0.001, 0.4, 1.3, 2, 2.5, 3.3, 4.4, 5.3, 6):
        drawing = engine.draw(trace, 1, min(time, 2 if name == "plain" else 6), width, interactive=True)
        text = ElementTree.tostring(drawing, encoding="unicode")
        assert not re.search(r"NaN|undefined|Infinity|null", text)
        _, _, wide, high = map(float, drawing.get("viewBox", "").split())
        for hit in drawing.iter(f"{SVG}rect"):
            x, y, w, h = (float(hit.get(key, "0")) for key in ("x", "y", "width", "height"))
            assert x >= -1
            assert y >= -1
            assert x + w <= wide + 1
            assert y + h <= high + 1


def test_the_phases_come_one_after_another(engine: Engine) -> None:
    trace = toy_trace()

    def opacity(time: float, part: str) -> float:
        drawing = engine.draw(trace, 1, time)
        texts = [
            t
            for t in drawing.iter(f"{SVG}text")
            if t.get("data-of") == part and "number" in t.get("class", "")
        ]
        return float(texts[0].get("opacity", "1"))

    assert (opacity(1, "score:0"), opacity(2, "score:0")) == (0, 1)
    assert (opacity(2, "weight:0"), opacity(3, "weight:0")) == (0, 1)
    assert (opacity(5, "candidate:0"), opacity(6, "candidate:0")) == (0, 1)
    assert engine.call("phasesOf(trace)", trace=trace) == [
        "Prepare",
        "Score",
        "Softmax",
        "Multiply",
        "Sum",
        "Feed",
    ]
    assert engine.call("[0, 1, 5.9, 6, 6.1].map(p => momentOf(trace, p).step)", trace=trace) == [
        0,
        0,
        0,
        0,
        1,
    ]


def test_the_context_goes_where_the_architecture_puts_it(engine: Engine) -> None:
    def contexts(name: str) -> int:
        return len(flows(engine.draw(toy_trace(**MODELS[name]), 1, 6), "context-flow"))

    assert contexts("bahdanau") == 2  # the cell and the output layer
    assert contexts("luong") == 1  # joins the state
    assert contexts("gnmt") == 3  # every layer
    assert (
        contexts("gnmt, current query") == 3
    )  # the two upper layers; the bottom one gets the context before
    assert contexts("plain") == 0


def test_input_feeding_is_drawn_where_there_is_any(engine: Engine) -> None:
    def dashed(name: str) -> int:
        drawing = engine.draw(toy_trace(**MODELS[name]), 1, 6)
        return sum(path.get("stroke-dasharray") == "4 4" for path in drawing.iter(f"{SVG}path"))

    assert dashed("luong") == 2
    assert dashed("luong, not fed") == 0


@pytest.mark.parametrize(("bridge", "shown"), [("dense", 1), ("copy", 1), ("mean", 1), ("zero", 0)])
def test_the_first_state_comes_over_the_bridge(engine: Engine, bridge: str, shown: int) -> None:
    trace = toy_trace(bridge=bridge)
    assert len(flows(engine.draw(trace, 0, 6), "bridge")) == shown
    assert not flows(engine.draw(trace, 1, 6), "bridge")
    texts = engine.call("describePart(trace, 0, 'before').text", trace=trace)
    assert {"dense": "tanh(W h + b)", "copy": "copied", "mean": "mean", "zero": "zeros"}[bridge] in texts


def test_without_attention_all_goes_through_one_vector(engine: Engine) -> None:
    drawing = engine.draw(toy_trace(**MODELS["plain"]), 0, 2)
    assert "sentence vector" in {text.text for text in drawing.iter(f"{SVG}text")}
    assert [path for path in drawing.iter(f"{SVG}path") if path.get("class") == "funnel"]
    assert numbers(drawing, "weight") == {}


def test_hostile_words_are_shown(engine: Engine) -> None:
    source = " ".join(HOSTILE)
    trace = toy_trace(source, source)
    drawing = engine.draw(trace, len(trace["steps"]) - 1, 6, interactive=True)
    assert {element.tag for element in drawing.iter()} == {
        SVG + tag for tag in ("svg", "rect", "text", "path", "circle")
    }
    shown = {text.text for text in drawing.iter(f"{SVG}text")}
    assert "&amp;" in shown
    assert "�evil" in shown
    names = [hit.get("aria-label", "") for hit in drawing.iter(f"{SVG}rect")]
    assert any("<script>alert(1)</script>" in name for name in names)


def test_a_right_to_left_word_keeps_to_itself(engine: Engine) -> None:
    drawing = engine.draw(toy_trace("האישה צוחקת .", "المرأة تضحك ."), 1, 6)
    shown = {text.text for text in drawing.iter(f"{SVG}text")}
    assert {"\u2067האישה\u2069", "\u2067تضحك\u2069", "."} <= shown
    assert engine.call("['שלום', 'hello', '42 مرحبا', '。'].map(isRightToLeft)") == [True, False, True, False]


def test_a_long_sentence_stays_readable(engine: Engine) -> None:
    words = [f"word{index}" for index in range(60)]
    trace = toy_trace(" ".join(words), " ".join(words))
    rows = engine.call("rowsAt(trace, 30, 6, {width: 1200, height: 420})", trace=trace)
    assert len(rows) == 61
    assert sum(row["height"] for row in rows) < 450
    assert rows[30]["height"] >= 20
    assert min(row["height"] for row in rows) >= 4
    unfolded = engine.call("rowsAt(trace, 30, 6, {width: 1200, height: 420, unfolded: true})", trace=trace)
    assert {row["height"] for row in unfolded} == {17}


def test_the_worked_example_is_on_the_drawing(engine: Engine) -> None:
    drawing = engine.draw(example_trace(worked_example()), 0, 6)
    assert numbers(drawing, "score") == {0: 15, 1: 60, 2: 15, 3: 35}
    assert numbers(drawing, "weight") == {0: 0, 1: 1, 2: 0, 3: 0}
    cells = [text.text for text in drawing.iter(f"{SVG}text") if "cell-number" in text.get("class", "")]
    assert cells[:12] == ["0", "1", "1", "5", "0", "1", "1", "1", "0", "0", "5", "1"]
    assert cells[-6:] == ["5", "0", "1", "10", "5", "10"]


def test_the_formula_has_the_numbers_put_in(engine: Engine) -> None:
    trace = example_trace(worked_example())
    texts = engine.call(
        "['score:0', 'score:3'].map(part => describePart(trace, 0, part).formulas[1])", trace=trace
    )
    assert texts == ["= 10×0 + 5×1 + 10×1 = 15", "= 10×0 + 5×5 + 10×1 = 35"]
    softer = example_trace(softer_example())
    weight = engine.call("describePart(trace, 0, 'weight:3').formulas", trace=softer)
    assert weight[1:] == ["= e^(1.4 − 2.4) / Σ e^(score − 2.4)", "= 0.367879 / 1.69848 = 0.216594"]
    context = engine.call("describePart(trace, 0, 'context')", trace=softer)
    assert context["vector"] == pytest.approx([3.04114, 1.27761, 0.902678], abs=1e-5)
    assert context["formulas"][1] == "its first component: 0.59 × 5 + 0.22 × 0 + 0.097 × 0 + … = 3.04114"


@pytest.mark.parametrize("name", MODELS)
def test_everything_on_the_drawing_can_be_explained(engine: Engine, name: str) -> None:
    trace = toy_trace(**MODELS[name])
    drawing = engine.draw(trace, 1, 2 if name == "plain" else 6, interactive=True)
    parts = [hit.get("data-part") for hit in drawing.iter(f"{SVG}rect") if hit.get("data-part")]
    assert len(parts) == len(set(parts)) > 5
    for description in engine.call(
        "parts.map(part => describePart(trace, 1, part))", trace=trace, parts=parts
    ):
        assert description["title"]
        assert description["text"]
        assert "undefined" not in json.dumps(description)
    for time in range(1, 3 if name == "plain" else 7):
        assert engine.call(f"captionOf(trace, 1, {time})", trace=trace)


def test_encoding_for_the_page_loses_nothing(engine: Engine) -> None:
    trace = toy_trace()
    encoded = page_trace(trace)
    assert "context" not in encoded["steps"][0]
    back = engine.call("decodeTrace(trace)", trace=encoded)
    assert back["states"] == trace["states"]
    for step, original in zip(back["steps"], trace["steps"], strict=True):
        assert (step["query"], step["weights"], step["scores"]) == (
            original["query"],
            original["weights"],
            original["scores"],
        )
        assert step["context"] == pytest.approx(original["context"], abs=1e-5)


def test_a_context_that_is_no_sum_is_kept(engine: Engine) -> None:
    trace = toy_trace()
    trace["steps"][0]["context"] = [0.5] * 8
    assert engine.call("decodeTrace(trace).steps[0].context", trace=page_trace(trace)) == [0.5] * 8


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("shareNumber(0)", "0"),
        ("shareNumber(2.86e-20)", "≈0"),
        ("shareNumber(0.99999999998611)", "≈1"),
        ("shareNumber(1)", "1"),
        ("shareNumber(0.042)", "0.042"),
        ("shareNumber(0.42)", "0.42"),
        ("exactNumber(0.99999999998611)", "0.99999999998611"),
        ("exactNumber(2.861e-20)", "2.86e−20"),
        ("exactNumber(-3.5)", "−3.5"),
        ("shortNumber(-2.9438)", "−2.94"),
        ("shortNumber(null)", "−∞"),
        ("percent(0.9996)", ">99.9 %"),
        ("percent(0.996)", "99.6 %"),
        ("percent(0.0004)", "<0.1 %"),
        ("withSubscripts('s_{i-1}, h̃_t')", "sᵢ₋₁, h̃ₜ"),
        ("shownToken('</s>')", "end of sentence"),
        ("subscript('s', 12)", "s₁₂"),
    ],
)
def test_numbers_are_written_honestly(engine: Engine, call: str, text: str) -> None:
    assert engine.call(call) == text


def test_tokens_are_folded_into_words(engine: Engine) -> None:
    side = {"tokens": ["Haus", "tür", "</s>"], "words": ["Haustür"], "word_of_token": [0, 0, -1]}
    target = {
        "tokens": ["front", "do", "or", "</s>"],
        "words": ["front", "door"],
        "word_of_token": [0, 1, 1, -1],
    }
    weights = [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.75, 0.25, 0], [0, 0, 1]]
    trace = {
        "source": {**side, "words": ["Haustür", "x"]},
        "target": target,
        "steps": [{"weights": row} for row in weights],
    }
    grid = engine.call("foldedGrid(trace, 'words')", trace=trace)
    assert [group["text"] for group in grid["source"]] == ["Haustür", "</s>"]
    assert [group["text"] for group in grid["target"]] == ["front", "door", "</s>"]
    assert grid["weights"] == [
        [0.75, 0.25],
        [0.75, 0.25],
        [0, 1],
    ]  # summed over source, mean over target tokens
    assert engine.call("foldedGrid(trace, 'tokens').weights", trace=trace) == weights


def test_entropy_is_in_bits(engine: Engine) -> None:
    assert engine.call("[[1, 0], [0.5, 0.5], [0.25, 0.25, 0.25, 0.25]].map(entropy)") == [0, 1, 2]


def test_the_beam_shows_what_was_kept_and_dropped(engine: Engine) -> None:
    beam = toy_trace()["beam"]
    drawing = ElementTree.fromstring(engine.call("drawBeamTree(beam, {dropped: 1})", beam=beam))
    names = [rect.get("aria-label", "") for rect in drawing.iter(f"{SVG}rect") if rect.get("data-node")]
    assert len(names) == 6 * 3
    assert names[0] == "the: 63 %, returned"
    assert names[1:3] == ["woman: 19 %, kept", "a: 13 %, dropped"]
    assert sum(name.endswith("returned") for name in names) == 6
    assert engine.call("nodeProbability(beam, beam.nodes[4])", beam=beam) == pytest.approx(0.625)
    assert engine.call("treeColumns(beam, 1)[0].hidden", beam=beam) == 1


def test_a_weight_that_is_set_leaves_the_rest_to_the_others(engine: Engine) -> None:
    assert engine.call("withWeight([0.5, 0.3, 0.2], 0, 0)") == pytest.approx([0, 0.6, 0.4])
    assert engine.call("withWeight([0.5, 0.3, 0.2], 1, 0.65)") == pytest.approx([0.25, 0.65, 0.1])
    assert engine.call("withWeight([1, 0, 0], 0, 0)") == pytest.approx([0, 0.5, 0.5])


def test_what_two_translations_share(engine: Engine) -> None:
    pairs = engine.call("commonWords(['the', 'old', 'man', '.'], ['the', 'man', 'laughs', '.'])")
    assert pairs == [[0, 0], [2, 1], [3, 3]]


def test_ribbons_are_as_thick_as_the_weights(engine: Engine) -> None:
    trace = toy_trace()
    drawing = engine.draw(trace, 0, 6, 340)
    widths = [
        float(p.get("stroke-width", "0"))
        for p in drawing.iter(f"{SVG}path")
        if p.get("class") == "ribbon line"
    ]
    assert math.fsum(widths) == pytest.approx(22, abs=0.5)
    largest = max(range(len(widths)), key=widths.__getitem__)
    assert largest == trace["steps"][0]["weights"].index(max(trace["steps"][0]["weights"]))
