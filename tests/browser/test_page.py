"""The page in a browser: it plays, its numbers are those of the trace, and it can be used without a mouse."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from regard.explain import example_page
from tests.browser.conftest import Open
from tests.traces import HOSTILE, MODELS, toy_trace

LONG = " ".join(["die", "alte", "frau", "lacht", "oft"] * 8)
AXE = Path(
    os.environ.get("REGARD_AXE", Path(__file__).parents[2] / ".browser/node_modules/axe-core/axe.min.js")
)

UNNAMED = """() => [...document.querySelectorAll(
    'button, input, select, [role=button], [role=region], [role=group], svg'
)].filter(e => e.getClientRects().length && !e.closest('[aria-hidden=true]'))
  .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))
  .map(e => e.outerHTML.slice(0, 80))"""
LISTEN = """() => {
    window.captions = [];
    new MutationObserver(() => window.captions.push(document.querySelector('#caption b').textContent))
        .observe(document.querySelector('#caption'), {childList: true});
}"""
FOUND = """axe.run().then(result => result.violations.map(
    v => [v.impact, v.id, v.nodes.map(n => n.html.slice(0, 120))]))"""


def written(page: Any, part: str) -> list[float]:
    """The numbers on the drawing for all indices of a part."""
    texts = page.locator(f'.stage text.number[data-of^="{part}:"]').all_text_contents()
    return [float(text.replace("−", "-").replace("≈", "").replace("%", "").strip()) for text in texts]


def check_numbers(page: Any, step: dict[str, Any]) -> None:
    assert written(page, "weight") == pytest.approx(step["weights"], abs=0.0051)
    assert written(page, "score") == pytest.approx(step["scores"], abs=0.0051)
    shares = [100 * candidate["probability"] for candidate in step["candidates"]]
    assert written(page, "candidate") == pytest.approx(shares, abs=0.51)


def test_it_plays_to_the_end_and_every_number_is_the_models(opened: Open) -> None:
    trace = toy_trace(**MODELS["luong"])
    page = opened(trace)
    page.get_by_label("Speed").select_option("4")
    page.evaluate(LISTEN)
    page.get_by_role("button", name="To the beginning").click()
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Play").wait_for()
    seen = {caption.split(",")[0] for caption in page.evaluate("window.captions")}
    assert seen >= {f"Word {number} of 6" for number in range(1, 7)}
    check_numbers(page, trace["steps"][5])
    for number, step in enumerate(trace["steps"]):
        page.locator(".words button").nth(number).click()
        check_numbers(page, step)


def test_the_keys_move_it(opened: Open) -> None:
    page = opened(toy_trace())
    caption = page.locator("#caption b")
    page.keyboard.press("Home")
    assert caption.text_content() == "Word 1 of 6, prepare. "
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.transport [type=range]').value === '2'")
    assert caption.text_content() == "Word 1 of 6, score. "
    page.keyboard.press("ArrowLeft")
    assert caption.text_content() == "Word 1 of 6, prepare. "
    page.keyboard.press("ArrowDown")
    assert caption.text_content() == "Word 2 of 6, feed. "
    page.keyboard.press("ArrowUp")
    assert caption.text_content() == "Word 1 of 6, feed. "
    page.keyboard.press("End")
    assert caption.text_content() == "Word 6 of 6, feed. "
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Pause").count() == 1
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Play").count() == 1


def test_pointing_explains(opened: Open) -> None:
    trace = toy_trace()
    page = opened(trace)
    card = page.locator("#card")
    page.locator('[data-part="weight:0"]').hover()
    assert "Weight of “\u2068die\u2069”" in card.text_content()
    assert "e^score" in card.text_content()
    page.locator('[data-part="context"]').click()
    assert card.locator(".strip rect").count() == 8
    assert card.locator(".numbers").text_content().split() == [
        number.replace("-", "−") for number in map(_short, trace["steps"][0]["context"])
    ]
    page.keyboard.press("Escape")
    assert card.is_hidden()


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".").replace("-0", "-0") if abs(value) < 1 else f"{value:.2f}"


def test_every_part_can_be_reached_without_a_mouse(opened: Open) -> None:
    page = opened(toy_trace())
    page.locator('.stage [tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    first = page.evaluate("document.activeElement.dataset.part")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.dataset.part")
    assert first.split(":")[0] == second.split(":")[0] == "score"
    assert int(second.split(":")[1]) == int(first.split(":")[1]) + 1
    page.keyboard.press("Enter")
    assert "Score of" in page.locator("#card").text_content()
    page.keyboard.press("Escape")
    assert (
        page.locator("#caption b").text_content() == "Word 1 of 6, feed. "
    )  # the arrows moved in the drawing only


def test_words_and_matrix_are_linked(opened: Open) -> None:
    trace = toy_trace()
    page = opened(trace)
    page.locator("#matrix .sentence").nth(1).locator("span").nth(1).hover()
    lit = page.locator("#matrix td.lit").evaluate_all("cells => cells.map(cell => cell.dataset.row)")
    assert lit == ["1"] * 6
    assert (
        "“\u2068old\u2069” attended to “\u2068alte\u2069”"
        in page.locator("#matrix .link-summary").text_content()
    )
    page.locator("#matrix .sentence").first.locator("span").nth(2).hover()
    lit = page.locator("#matrix td[data-row].lit").evaluate_all(
        "cells => cells.map(cell => cell.dataset.column)"
    )
    assert lit == ["2"] * 6
    cells = page.locator("#matrix td[data-row]")
    shown = [cells.nth(column).text_content() for column in range(6)]
    assert shown == [
        str(round(100 * weight)) if weight >= 0.005 else "" for weight in trace["steps"][0]["weights"]
    ]
    page.get_by_label("Hide weights below").fill("0.5")
    assert page.locator("#matrix td[data-row]").filter(has_text="%").count() == 0
    assert sum(bool(text) for text in cells.all_text_contents()) == 6


def test_the_beam_shows_what_was_dropped(opened: Open) -> None:
    page = opened(toy_trace())
    assert page.locator("#beam [data-node]").count() == 24
    page.get_by_text("show what was dropped").click()
    assert page.locator("#beam [data-node]").count() == 12
    page.locator('#beam [data-node="4"]').click()
    assert "On the path that was returned" in page.locator("#card").text_content()


def test_a_hostile_sentence_is_shown_and_not_run(opened: Open) -> None:
    text = " ".join(HOSTILE)
    page = opened(toy_trace(text, text))
    assert "<script>alert(1)</script>" in page.locator(".words").text_content()
    page.keyboard.press("End")
    for part in ("state:0", "score:1", "weight:2", "aligned:3", "candidate:0"):
        page.locator(f'[data-part="{part}"]').click()
    assert page.locator("main script, main img").count() == 0
    assert page.evaluate("document.scripts.length") == 2


def test_less_motion_where_that_is_wished(opened: Open) -> None:
    page = opened(toy_trace(), reduced_motion="reduce")
    page.keyboard.press("Home")
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play").click()
    seen = {
        page.get_by_label("Position on the timeline").input_value()
        for _ in range(8)
        if not page.wait_for_timeout(200)
    }
    assert all(float(value).is_integer() for value in seen)
    assert len(seen) > 2


def test_the_worked_example_changes_its_score_function(opened: Open) -> None:
    page = opened(example_page())
    assert written(page, "score") == [15, 60, 15, 35]
    page.get_by_label("Score function").select_option("general")
    assert written(page, "score") == [25, 60, 25, 85]
    page.get_by_label("Score function").select_option("uniform")
    assert written(page, "weight") == [0.25] * 4
    for decoder, sign in [("luong", "h₁"), ("gnmt", "s¹₀"), ("bahdanau", "s₀")]:
        page.get_by_label("Decoder", exact=True).select_option(decoder)
        assert f"query {sign}" in page.locator(".stage text").all_text_contents()


def test_a_screen_reader_finds_names(opened: Open) -> None:
    page = opened(toy_trace())
    names = page.evaluate(UNNAMED)
    assert names == []
    snapshot = page.locator("main").aria_snapshot()
    for words in (
        'button "Play"',
        'slider "Position on the timeline"',
        'group "Attention while word 1 of 6',
        "Weight of",
    ):
        assert words in snapshot


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 360])
def test_axe_finds_nothing_serious(opened: Open, theme: str, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make test-browser")
    page = opened(toy_trace(), width=width, color_scheme=theme)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(FOUND)
    assert [one for one in found if one[0] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [360, 768, 1366, 1920])
@pytest.mark.parametrize(
    "source", ["die alte frau lacht .", LONG, "האישה הזקנה צוחקת לעתים קרובות .", "那 位 老 妇人 经常 笑 。"]
)
def test_nothing_sticks_out_at_any_width(opened: Open, source: str, width: int) -> None:
    page = opened(toy_trace(source), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("name", "what", "options"),
    [
        ("desktop", "trace", {}),
        ("phone", "trace", {"width": 360, "height": 740}),
        ("dark", "trace", {"color_scheme": "dark"}),
        ("right_to_left", "hebrew", {}),
        ("right_to_left_phone", "hebrew", {"width": 360, "height": 740}),
        ("chinese", "chinese", {"width": 360, "height": 740, "color_scheme": "dark"}),
        ("long", "long", {}),
        ("long_phone", "long", {"width": 360, "height": 740}),
        ("projector", "trace", {"width": 1920, "height": 1080}),
        ("gnmt", "gnmt", {}),
        ("fixed_vector", "plain", {}),
        ("example", "example", {}),
        ("example_phone", "example", {"width": 360, "height": 740}),
    ],
)
def test_screenshots(opened: Open, screens: Path, name: str, what: str, options: dict[str, Any]) -> None:
    pages = {
        "trace": lambda: toy_trace(**MODELS["luong"]),
        "hebrew": lambda: toy_trace("האישה הזקנה צוחקת לעתים קרובות .", "المرأة العجوز تضحك كثيرا جدا ."),
        "chinese": lambda: toy_trace("那 位 老 妇人 经常 笑 。"),
        "long": lambda: toy_trace(LONG, size=64),
        "gnmt": lambda: toy_trace(**MODELS["gnmt"]),
        "plain": lambda: toy_trace(**MODELS["plain"]),
        "example": example_page,
    }
    page = opened(pages[what](), **options)
    page.keyboard.press("ArrowDown")
    picture = screens / f"{name}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000
