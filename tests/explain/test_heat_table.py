"""The heat map as a part of a page: every weight, every word, and nothing that a sentence could smuggle in."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from regard.explain import Grid
from regard.explain.heat_table import heat_html, text_html

EVIL = '<script>alert("x")</script>'
GRID = Grid(np.array([[0.9, 0.1, 0.001], [0.2, 0.2, 0.6]]), ("Hund", EVIL, "</s>"), ("dog", "\x1b[31m"))


class Cells(HTMLParser):
    """The cells and headings of the tables of a page, and the tags that were opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append(dict(attrs) | {"tag": tag})
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


def test_every_word_is_a_heading_and_every_weight_a_number() -> None:
    found = Cells(heat_html(GRID))
    assert found.texts == ["", "Hund", EVIL, "</s>", "dog", "90", "10", "", "␛[31m", "20", "20", "60"]
    assert [cell.get("scope") for cell in found.cells if cell["tag"] == "th"] == ["col"] * 3 + ["row"] * 2


def test_cells_are_as_dark_as_their_weights_and_say_what_they_mean() -> None:
    cells = [cell for cell in Cells(heat_html(GRID, {(0, 0), (2, 0)})).cells if cell["tag"] == "td"][1:]
    assert cells[0]["style"] == "--w:0.90"
    assert cells[0]["title"] == "dog ← Hund: 90 %, a gold link"
    assert [cell.get("class") for cell in cells] == [
        "strong most gold",
        None,
        "gold",
        None,
        None,
        "strong most",
    ]


def test_text_stays_text() -> None:
    assert "script" not in Cells(heat_html(GRID)).tags
    assert text_html(f"{EVIL}&\u202e") == "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;\ufffd"
