"""The page: what it begins with, and that nothing but its own script may run."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import regard
from regard.serving import create_app
from regard.serving.front_page import content_security_policy, first_sentence, front_page
from tests.serving.conftest import HERE
from tests.trained import Trained

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_it_begins_with_a_sentence_of_the_model(models: Trained, translator: regard.Translator) -> None:
    sentence = first_sentence(models.attention)
    assert 4 <= len(sentence.split()) <= 12
    assert sentence in front_page(translator, sentence)
    assert front_page(translator)


@pytest.mark.parametrize("content", [None, "", "{}", '{"pairs": [1]}', '{"pairs": [["a", "b"]]}'])
def test_a_folder_that_keeps_no_sentence_gives_none(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "data").mkdir()
    if content is not None:
        (tmp_path / "data" / "validation.json").write_text(content, encoding="utf-8")
    assert first_sentence(tmp_path) == ""


def test_an_ensemble_is_served_without_its_attention(models: Trained) -> None:
    both = regard.load_ensemble([models.attention, models.attention])
    with TestClient(create_app(both), base_url=HERE) as client:
        assert "its attention cannot be shown" in client.get("/").text
        assert client.post("/v1/translate", json={"text": "die frau ."}).status_code == 200
        refused = client.post("/v1/trace", json={"text": "die frau ."})
        assert (refused.status_code, "ensemble" in refused.text) == (422, True)


def test_a_hostile_sentence_adds_no_script(translator: regard.Translator) -> None:
    page, plain = front_page(translator, HOSTILE), front_page(translator, "die frau .")
    assert page.count("<script") == plain.count("<script")
    assert "<img src=x" not in page


def test_only_the_scripts_and_styles_of_the_page_may_run(translator: regard.Translator) -> None:
    app = create_app(translator)
    with TestClient(app, base_url=HERE) as client:
        answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    for content in re.findall(r"<(?:script|style)[^>]*>(.*?)</(?:script|style)>", answer.text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not re.search(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=", answer.text)
    assert not re.search(r"\son\w+\s*=", re.sub(r"<script.*?</script>", "", answer.text, flags=re.DOTALL))


def test_without_a_script_none_may_run() -> None:
    assert "script-src 'none'" in content_security_policy("<style>p {}</style>")
