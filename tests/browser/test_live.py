"""The served page: a sentence is typed, the model's attention or output is changed, and decoding continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.server import ToyServer


def after(page: Any) -> str:
    """The new translation of the two that stand side by side."""
    page.locator(".version").nth(1).wait_for()
    text: str = page.locator(".version").nth(1).locator("p").first.inner_text()
    return " ".join(text.split())


def test_a_sentence_is_translated(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    page.get_by_label("Sentence", exact=True).fill("die frau lacht oft .")
    page.get_by_role("button", name="Translate").click()
    page.locator(".words").get_by_text("often").wait_for()
    assert page.locator(".stream").text_content() == "the woman laughs often ."
    assert server.requests == [{"text": "die frau lacht oft ."}]


def test_attention_is_set_to_one_word(opened: Open, server: ToyServer, screens: Path) -> None:
    page = opened(server.address)
    page.locator(".words button").nth(2).click()
    page.get_by_role("button", name="Attend only to “\u2068lacht\u2069”").click()
    assert after(page) == "the old laughs laughs ."
    assert server.requests == [
        {"text": "die alte frau lacht .", "interventions": [{"kind": "attend", "step": 2, "to": [3]}]}
    ]
    assert page.locator(".version mark").all_text_contents() == ["woman", "laughs"]
    assert "word 3: attend only to “\u2068lacht\u2069”" in page.locator(".chip").first.text_content()
    page.screenshot(path=screens / "live.png", full_page=True)
    page.get_by_role("button", name="Reset").click()
    assert page.locator(".version").count() == 0
    assert page.locator(".words").text_content().startswith("theoldwomanlaughs")


def test_a_weight_is_set_to_zero(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    page.get_by_role("button", name="Set the weight of “\u2068die\u2069” to zero").click()
    page.locator(".version").first.wait_for()
    (intervention,) = server.requests[0]["interventions"]
    assert (intervention["kind"], intervention["step"], intervention["row"][0]) == ("weights", 0, 0)
    assert sum(intervention["row"]) == pytest.approx(1)


def test_a_weight_is_dragged_in_the_drawing(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    box = page.locator('[data-part="weight:3"]').bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2, steps=4)
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert after(page) == "laughs old woman laughs ."
    assert server.requests[0]["interventions"][0]["row"][3] == 1


def test_a_weight_is_moved_by_keys(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    slider = page.get_by_role("slider", name="Weight of “\u2068alte\u2069”")
    slider.focus()
    page.keyboard.press("End")
    assert after(page) == "old old woman laughs ."


def test_a_word_is_forced(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    page.locator(".words button").nth(1).click()
    page.get_by_role("button", name="Write “\u2068one\u2069”").click()
    assert after(page) == "the one woman laughs ."
    assert server.requests[0]["interventions"] == [{"kind": "force", "step": 1, "token": "one"}]
    page.locator(".words button").nth(3).click()
    page.get_by_role("button", name="Attend only to “\u2068die\u2069”").click()
    page.get_by_text("word 4: attend only to").wait_for()
    assert after(page) == "the one woman the ."
    page.get_by_role("button", name="Undo: word 2").click()
    page.get_by_role("button", name="Undo: word 2").wait_for(state="detached")
    assert after(page) == "the old woman the ."


def test_a_source_word_is_deleted_and_replaced(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    page.get_by_role("button", name="Delete “\u2068alte\u2069”").click()
    assert after(page) == "the woman laughs ."
    page.get_by_role("textbox", name="Source word 2").fill("oft")
    page.keyboard.press("Enter")
    page.locator(".words").get_by_text("often").wait_for()
    assert after(page) == "the often laughs ."


def test_a_refusal_is_shown(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    server.refuse = "this decoder has no attention: <b>choose another</b>"
    with page.expect_event("console"):  # Chromium itself reports the status 422
        page.get_by_role("button", name="Attend only to “\u2068lacht\u2069”").click()
    page.get_by_text("<b>choose another</b>").wait_for()


def test_what_is_typed_is_shown_and_not_run(opened: Open, server: ToyServer) -> None:
    page = opened(server.address)
    page.get_by_label("Sentence", exact=True).fill("<img/src=x/onerror=alert(1)> <script>alert(2)</script>")
    page.get_by_role("button", name="Translate").click()
    page.locator(".words").get_by_text("<script>alert(2)</script>").wait_for()
    assert page.locator("main img, main script").count() == 0
