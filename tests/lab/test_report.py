"""Reports: a page that stands alone, and Markdown; whatever a sentence says stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import regard
from regard.errors import ConfigError, DataError
from regard.lab.cases import mark_unmatched
from regard.lab.evaluate import evaluate
from regard.lab.evaluation import Evaluation
from regard.lab.report import write_report
from regard.records.text import Pair
from tests.trained import Trained, unseen_pairs

EVIL = '<script>alert("x")</script> & ```` | <img src=http://evil.example/x> \x1b[31m'
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """A page as a browser would read it, strictly: every tag must be closed in its turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.articles: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "article":
            self.articles.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if "article" in self.open:
            self.articles[-1] += data


@pytest.fixture(scope="module")
def found(models: Trained) -> Evaluation:
    pairs = [Pair(pair.source, pair.target) for pair in unseen_pairs(20)]
    return evaluate(models.attention, [*pairs, Pair(EVIL, EVIL)], bootstrap=20, beam=1)


@pytest.fixture(scope="module")
def linked(models: Trained) -> Evaluation:
    return evaluate(models.attention, unseen_pairs(20), bootstrap=20, beam=1)


def seen(text: str) -> str:
    """What is left to be seen: white space does not count."""
    return " ".join(text.replace("\x1b", "␛").split())


def test_the_page_is_whole_and_has_all_figures(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(found, path, "my <model>", ["some/test.de", "some/test.en"], worst=5)
    page = Page(path)
    assert "my <model> on test.de, test.en" in page.text
    assert "21 sentences" in page.text
    for score in found.scores.values():
        assert f"{score.value:.2f} ± {score.margin:.2f}" in page.text
        assert score.signature in page.text
    for row in [*found.by_length, *found.by_frequency]:
        assert row.label in page.text


def test_the_page_needs_nothing_beside_itself(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(found, path, worst=30)
    page = Page(path)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "base"}
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "action"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    harmless = [
        value for name, value in page.attributes if name != "title"
    ]  # a title is shown, never fetched
    styles = path.read_text(encoding="utf-8").split("</style>")[0] + str(harmless)
    assert not re.search(r"@import|url\(|\w+://", styles)
    assert "prefers-color-scheme: dark" in styles


def test_the_worst_are_there_worst_first_and_their_text_stays_text(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(found, path, worst=30)
    page = Page(path)
    wrong = sorted((one for one in found.sentences if not one.exact), key=lambda one: one.chrf)
    assert len(wrong) > 10
    shown = page.articles[: len(wrong)]
    assert [f"chrF {one.chrf:.1f}" for one in wrong] == [re.search(r"chrF [\d.]+", text)[0] for text in shown]
    for one in wrong:
        article = seen(next(text for text in shown if text.startswith(f"Sentence {one.number}chrF")))
        assert f"Source{seen(one.source)}Reference{seen(one.references[0])}Translation" in article
        assert seen(one.translation) in article
        assert one.written is not None
    assert seen(EVIL) in seen(page.text)


def test_attention_without_gold_links_stands_by_coverage(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(found, path, worst=3)
    articles = Page(path).articles
    assert len(articles) == 6
    deviations = sorted(
        (one.coverage_deviation for one in found.sentences if one.coverage_deviation), reverse=True
    )
    for article, deviation in zip(articles[3:], deviations, strict=False):
        assert f"coverage deviation {deviation:.2f}" in article


def test_attention_with_gold_links_stands_by_their_errors(linked: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(linked, path, worst=4)
    page = Page(path)
    worst = max(linked.sentences, key=lambda one: (one.aer, len(one.source)))
    assert f"Sentence {worst.number}AER {100 * worst.aer:.0f} %" in page.articles[4]
    assert "missed: " in page.articles[4]
    gold = [value for name, value in page.attributes if name == "class" and value and "gold" in value.split()]
    assert len(gold) >= sum(len(one.links.possible) for one in [worst] if one.links)
    assert linked.aer is not None
    assert f"{100 * linked.aer.aer:.1f}" in page.text


def test_markdown_says_the_same_and_no_sentence_leaves_its_fence(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_report(found, path, "m", ["test.de"], worst=30)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# m on test.de\n")
    assert f"| BLEU | {found.bleu.figure()} |" in text
    outside, fence = [], None
    for line in text.splitlines():  # as CommonMark reads fences
        if fence is None and (opened := re.match("(`{3,})text$", line)):
            fence = opened[1]
        elif fence is not None and line == fence:
            fence = None
        elif fence is None:
            outside.append(line)
    assert fence is None
    assert "script" not in "\n".join(outside)
    assert "\x1b" not in text
    wrong = [one for one in found.sentences if not one.exact]
    for one in wrong:
        assert f"### Sentence {one.number}: chrF {one.chrf:.1f}" in outside
    assert "░" in text


def test_a_file_of_translations_has_no_heat_maps(found: Evaluation, tmp_path: Path) -> None:
    bare = tuple(replace(one, written=None, coverage_deviation=None) for one in found.sentences)
    write_report(replace(found, sentences=bare), tmp_path / "report.html", worst=3)
    page = Page(tmp_path / "report.html")
    assert len(page.articles) == 3
    assert ("class", "heat") not in page.attributes


def test_a_perfect_system_has_no_worst(tmp_path: Path) -> None:
    (tmp_path / "out.en").write_text("yes .\n")
    perfect = evaluate(tmp_path / "out.en", [Pair("ja .", "yes .")], bootstrap=0)
    for name in ("report.html", "report.md"):
        write_report(perfect, tmp_path / name)
        assert "worst" not in (tmp_path / name).read_text(encoding="utf-8")


def test_words_missing_from_the_others_are_marked() -> None:
    assert mark_unmatched("the the old cat", ["the young cat", "old the"]) == [
        ("the", False),
        ("the", True),
        ("old", False),
        ("cat", False),
    ]


def test_unicode_normal_forms_do_not_matter() -> None:
    assert mark_unmatched("cafe\u0301", ["caf\u00e9"]) == [("cafe\u0301", False)]
    assert mark_unmatched("caf\u00e9", ["cafe\u0301"]) == [("caf\u00e9", False)]


def test_mistakes_are_named(found: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a report ending in \.html, \.htm, \.md, got '\.txt'"):
        write_report(found, tmp_path / "report.txt")
    with pytest.raises(ConfigError, match="worst: expected a number of sentences from 0 on, got -1"):
        write_report(found, tmp_path / "report.md", worst=-1)
    with pytest.raises(DataError, match="there is no folder"):
        regard.write_report(found, tmp_path / "none" / "report.md")
    assert list(tmp_path.iterdir()) == []
