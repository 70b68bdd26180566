"""The page as a file: nothing from elsewhere, nothing that a sentence could smuggle in, small enough to send."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from regard.explain import Live, attention_page, example_page, trace_from_json
from regard.explain.attention_page import asset
from regard.explain.colours import COLOURS, colour_rules, with_colours
from tests.traces import HOSTILE, toy_trace


class Parts(HTMLParser):
    """The elements of a page and what stands in its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[str] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.contents.append("")
        self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.contents[-1] += data

    def named(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        both = zip(self.elements, self.contents, strict=True)
        return [(attributes, content) for (name, attributes), content in both if name == tag]

    @property
    def data(self) -> dict[str, Any]:
        text = next(content for attributes, content in self.named("script") if attributes.get("id") == "data")
        found: dict[str, Any] = json.loads(text)
        return found


def page_of(trace: dict[str, Any], **options: Any) -> Parts:
    return Parts(attention_page(trace_from_json(trace), **options))


def policy(parts: Parts) -> str:
    found = [a["content"] for a, _ in parts.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(found) == 1
    return found[0] or ""


def hashed(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_only_its_own_style_and_script_may_run() -> None:
    parts = page_of(toy_trace())
    (style,) = [content for _, content in parts.named("style")]
    (script,) = [content for attributes, content in parts.named("script") if not attributes]
    rules = dict(rule.split(" ", 1) for rule in policy(parts).split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": hashed(script),
        "style-src": hashed(style),
        "connect-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not [
        1
        for _, attributes in parts.elements
        if "style" in attributes or any(a.startswith("on") for a in attributes)
    ]


def test_it_needs_nothing_from_elsewhere() -> None:
    parts = page_of(toy_trace())
    assert not [
        tag for tag, attributes in parts.elements if tag in ("link", "img", "iframe") or attributes.get("src")
    ]
    page = attention_page(trace_from_json(toy_trace()))
    assert set(re.findall(r"https?://[\w./-]+", page)) == {"http://www.w3.org/2000/svg"}


def test_the_trace_lies_in_the_page_as_data() -> None:
    trace = toy_trace()
    data = page_of(trace).data
    assert data["live"] is None
    assert data["trace"]["source"] == trace["source"]
    assert [step["token"] for step in data["trace"]["steps"]] == [step["token"] for step in trace["steps"]]


def test_a_hostile_sentence_stays_data() -> None:
    text = " ".join(HOSTILE)
    page = attention_page(trace_from_json(toy_trace(text, text)))
    parts = Parts(page)
    assert parts.data["trace"]["source"]["text"] == text
    assert [tag for tag, _ in parts.elements].count("script") == 2
    assert "img" not in [tag for tag, _ in parts.elements]
    assert not set("\u2028\u2029\u202e") & set(page)


def test_the_live_page_may_ask_its_own_server() -> None:
    parts = page_of(toy_trace(), live=Live("/under"), title="My <model>")
    assert "connect-src 'self'" in policy(parts)
    assert parts.data["live"] == {"base": "/under"}
    assert parts.named("title")[0][1] == "My <model>"


def test_forty_words_stay_under_a_megabyte() -> None:
    words = [f"wort{index}" for index in range(40)]
    page = attention_page(trace_from_json(toy_trace(" ".join(words), " ".join(words), size=1024)))
    assert len(page.encode()) < 1_000_000


def test_the_worked_example_is_a_page() -> None:
    data = Parts(example_page()).data
    variants = data["example"]["variants"]
    assert len(variants) == 14  # seven score functions, large and small numbers
    chosen = variants[data["example"]["start"]]
    assert chosen["score"] == "dot"
    assert chosen["trace"]["steps"][0]["scores"] == [15, 60, 15, 35]
    assert chosen["trace"]["steps"][0]["context"] == pytest.approx([5, 0, 1], abs=1e-9)


def test_every_colour_has_a_name_and_enough_contrast() -> None:
    used = set(re.findall(r"var\(--([\w-]+)[,)]", asset("drawing.css") + asset("page.css"))) - {"w"}
    assert used == set(COLOURS)
    assert "var(" not in with_colours(asset("drawing.css"))
    assert colour_rules().count("--ink:") == 3
    for theme in (0, 1):
        colour = {name: pair[theme] for name, pair in COLOURS.items()}
        for text, behind in [("ink", "page"), ("ink", "card"), ("soft-ink", "card"), ("soft-ink", "page"),
                             ("ink", "decoder-fill"), ("soft-ink", "track"), ("decoder", "card"), ("ink", "changed"),
                             ("ink", "candidate"), ("ink", "encoder-fill"), ("on-strong", "above")]:  # fmt: skip
            assert contrast(colour[text], colour[behind]) >= 4.5, (text, behind, theme)
        assert contrast("#ffffff", colour["context-fill"]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1])
def test_numbers_can_be_read_on_every_cell_of_the_matrix(theme: int) -> None:
    strong = int(re.findall(r"const STRONG = (\d+)", asset("page/matrix.js"))[0])
    heat, track = (COLOURS[name][theme] for name in ("heat", "track"))
    for share in range(101):
        text = COLOURS["on-heat" if share >= strong else "on-weak"][theme]
        assert contrast(text, mixed(heat, track, share / 100)) >= 4.5, share


def mixed(one: str, other: str, share: float) -> str:
    pairs = [(int(one[start : start + 2], 16), int(other[start : start + 2], 16)) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
