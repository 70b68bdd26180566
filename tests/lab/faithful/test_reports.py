"""Faithfulness as people read it: in the terminal, as a page, as Markdown; the same figures everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import regard
from regard.lab.faithful.cases import grid_of, most_important_units, remarks
from regard.lab.faithful.faithfulness import Faithfulness, faithfulness
from regard.lab.faithful.sections import COLUMNS, SECTIONS, Figure, sections_of
from regard.lab.faithful.terminal import show_faithfulness
from regard.metrics import Mean
from regard.records.text import Pair
from tests.explain.screen import screen
from tests.lab.faithful.models import counter
from tests.lab.test_report import EVIL, Page, seen
from tests.trained import Trained, unseen_pairs


@pytest.fixture(scope="module")
def found(models: Trained) -> Faithfulness:
    return faithfulness(models.attention, unseen_pairs(20), bootstrap=20)


@pytest.fixture(scope="module")
def hostile(models: Trained) -> Faithfulness:
    pairs = [Pair(EVIL, EVIL), Pair("die alte frau lacht .", "")]
    return faithfulness(models.attention, pairs, bootstrap=0)


def shown(found: Faithfulness) -> list[str]:
    """Every figure as it must be found in each form."""
    return [
        row.shown(mean)
        for section in sections_of(found)
        for row in section.rows
        for column in section.columns
        if (mean := found.figures.get((row.name, column)))
    ]


def test_every_figure_is_shown_somewhere_but_what_only_the_verdict_needs(found: Faithfulness) -> None:
    listed = {
        (row.name, column) for section in SECTIONS for row in section.rows for column in section.columns
    }
    assert set(found.figures) - listed == {("lost", "uniform")}
    assert {column for _, column in listed} <= set(COLUMNS)


def test_the_terminal_shows_all_with_the_verdict(found: Faithfulness) -> None:
    text = screen(show_faithfulness(found), 120).replace("\N{NO-BREAK SPACE}", " ")
    for figure in shown(found):
        assert figure in text
    assert found.verdict.words in text
    for reason in found.verdict.reasons:
        assert f"{reason.question} {reason.answer}" in text
        assert reason.limits in " ".join(text.split())
    low, high = (
        f"{end:.2f}"
        for end in (found.figures["entropy", "attention"].low, found.figures["entropy", "attention"].high)
    )
    assert f"[{low}, {high}]" in text
    assert "20 sentences" in text
    assert max(map(len, screen(show_faithfulness(found), 80).splitlines())) <= 90


def test_the_page_says_the_same_and_needs_nothing_beside_itself(found: Faithfulness, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    regard.write_report(found, path, "my <model>", ["some/test.de"], worst=3)
    page = Page(path)
    assert "Does attention explain my <model> on test.de?" in page.text
    for figure in [*shown(found), found.verdict.words, *(reason.found for reason in found.verdict.reasons)]:
        assert figure in page.text, figure
    assert not page.tags & {"script", "link", "img", "iframe", "object", "base"}
    worst = found.worst(3)
    assert len(page.articles) == len(worst)
    for article, probe in zip(page.articles, worst, strict=True):
        differ = f"{len(remarks(probe))} of {len(probe.weights)} tokens"
        assert article.startswith(f"Sentence {probe.number}{differ}")
    assert all(remarks(probe) for probe in found.worst(3))


def test_markdown_says_the_same(found: Faithfulness, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    regard.write_report(found, path, "m", worst=2)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Does attention explain m?\n")
    for figure in [*shown(found), found.verdict.words, *(reason.found for reason in found.verdict.reasons)]:
        assert figure in text, figure
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        f"### Sentence {probe.number}" for probe in found.worst(2)
    ]


def test_text_stays_text(hostile: Faithfulness, tmp_path: Path) -> None:
    for name in ("report.html", "report.md"):
        regard.write_report(hostile, tmp_path / name, EVIL, worst=9)
    page = Page(tmp_path / "report.html")
    assert not page.tags & {"script", "img"}
    assert seen(EVIL) in seen(page.text)
    lines, fence = (tmp_path / "report.md").read_text(encoding="utf-8").splitlines(), None
    for line in lines:
        if fence is None and (opened := re.match("(`{3,})text$", line)):
            fence = opened[1]
        elif line == fence:
            fence = None
        assert fence or not re.search(r"(?<!\\)<script", line)
    assert "\x1b" not in screen(show_faithfulness(hostile))


def test_json_has_all(found: Faithfulness) -> None:
    read = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert read["num_sentences"] == 20
    assert {(name, column) for name, each in read["figures"].items() for column in each} == set(found.figures)
    mean = found.figures["tau_erased", "attention"]
    assert read["figures"]["tau_erased"]["attention"] == {
        "value": mean.value,
        "low": mean.low,
        "high": mean.high,
    }
    assert read["verdict"]["answer"] == found.verdict.answer
    assert len(read["verdict"]["reasons"]) == 5


def test_a_case_outlines_what_matters_most() -> None:
    (probe,) = faithfulness(counter(), [Pair("b a", "a b")], bootstrap=0).probes
    grid = grid_of(probe)
    assert (grid.source_words, grid.target_words) == (("b", "a", "</s>"), ("a", "b"))
    assert grid.attention.sum(axis=1) == pytest.approx([1, 1])
    assert most_important_units(probe) == {0: 1, 1: 0}
    assert remarks(probe) == []


def test_numbers_are_shown_with_their_unit() -> None:
    share, plain = Figure("f", "f"), Figure("f", "f", percent=False)
    mean = Mean(0.125, 0.1, 0.2)
    assert (share.shown(mean), share.interval(mean, "attention")) == ("12.5 %", "[10.0, 20.0]")
    assert (plain.shown(mean), plain.interval(mean, "own")) == ("0.12", "[0.10, 0.20]")
    assert plain.interval(mean, "diagonal") == plain.interval(Mean(0.1), "own") == ""
