"""The display of translations and traces: in a notebook as an embedded page, in a terminal as a heat map."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import regard
from regard.explain import display as _registered  # noqa: F401
from regard.records.text import Trace, TraceStep, Translation, Words
from tests.explain.screen import screen

EVIL = '<script>alert("x")</script>"></iframe>'
ATTENTION = np.array([[0.75, 0.25, 0.0], [0.125, 0.5, 0.375]], dtype=np.float32)
ONE = Translation(
    text="the </b>",
    log_probability=-1.0,
    score=-0.5,
    tokens=("the", EVIL),
    attention=ATTENTION,
    source=f"die {EVIL}",
    source_tokens=("die", EVIL, "</s>"),
    words=Words(("the", EVIL), (0, 1)),
    source_words=Words(("die", EVIL), (0, 1, -1)),
    log_probabilities=(-0.5, -0.5),
)


class Frame(HTMLParser):
    """The frame for a notebook, and the data of the page in it."""

    def __init__(self, text: str | None) -> None:
        super().__init__()
        assert text is not None
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def data(self) -> dict:
        page = self.attributes["srcdoc"]
        assert page is not None
        return json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])


def test_a_translation_is_a_frame_with_its_matrix() -> None:
    frame = Frame(ONE._repr_html_())
    assert frame.tags == ["iframe"]
    assert frame.attributes["sandbox"] == "allow-scripts"
    data = frame.data()["matrix"]
    assert data["source"]["tokens"] == list(ONE.source_tokens)
    assert data["target"]["words"] == list(ONE.words.texts)
    rows = [np.frombuffer(base64.b64decode(step["weights"]), "<f4") for step in data["steps"]]
    assert np.array_equal(rows, ATTENTION)
    assert "script-src 'sha256-" in str(frame.attributes["srcdoc"])


def test_a_trace_is_a_frame_with_the_whole_page() -> None:
    steps = tuple(
        TraceStep(token, 4, -0.5, (), np.ones(2), np.zeros(3), row, np.ones(2))
        for token, row in zip(ONE.tokens, ATTENTION, strict=True)
    )
    trace = Trace(ONE, np.ones((3, 2)), steps, {"decoder": "luong", "score": "dot"})
    frame = Frame(trace._repr_html_())
    assert frame.tags == ["iframe"]
    assert [step["token"] for step in frame.data()["trace"]["steps"]] == list(ONE.tokens)
    assert "translation: the" in screen(trace)


def test_without_attention_there_are_the_sentences() -> None:
    frame = Frame(replace(ONE, attention=None)._repr_html_())
    assert frame.tags == ["p"]
    assert "█" not in screen(replace(ONE, attention=None))


def test_a_terminal_shows_the_heat_map_and_obeys_nothing() -> None:
    shown = screen(replace(ONE, source="die \x1b[31m", text="the [b]x"))
    assert shown.startswith("die ␛[31m → the [b]x")
    assert "█ 75" in shown


def test_loading_a_model_registers_the_display_of_records() -> None:
    code = """
import regard
from regard.records.text import Translation
one = Translation("b", 0.0, 0.0, (), None, "a", ())
assert one._repr_html_() is None
assert one.__rich__() == repr(one)
regard.load
assert one._repr_html_() == "<p>a → b</p>"
"""
    root = Path(regard.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tokens", [1, 10, 60])
def test_a_frame_is_as_high_as_its_matrix_within_reason(tokens: int) -> None:
    attention = np.full((tokens, 3), 1 / 3, dtype=np.float32)
    words = Words(("x",) * tokens, tuple(range(tokens)))
    one = replace(ONE, tokens=("x",) * tokens, attention=attention, words=words)
    assert int(str(Frame(one._repr_html_()).attributes["height"])) == min(480 + 32 * tokens, 900)
