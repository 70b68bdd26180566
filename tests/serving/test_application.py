"""Every endpoint and every bound, as a client meets them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import regard
from regard.serving import Limits, create_app
from regard.serving.responses import ErrorResponse, TranslateResponse
from tests.serving.conftest import HERE
from tests.trained import Trained, known_sentences

SENTENCES = known_sentences(12)
PAIR = {"source": SENTENCES[0], "target": "the old woman laughs ."}
ENDPOINTS = {
    "/v1/translate": {"text": SENTENCES[0]},
    "/v1/trace": {"text": SENTENCES[0]},
    "/v1/align": PAIR,
    "/v1/score": PAIR,
}
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> \x00 \u202e {{7*7}}"


def error(answer: Any, status: int) -> dict[str, Any]:
    """Return the error of a response, which must have the documented form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return ErrorResponse.model_validate(answer.json()).model_dump()["error"]


def events(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in text[:-2].split("\n\n")]


def same(found: dict[str, Any], offline: regard.Translation) -> None:
    """An answer says what the translator says."""
    assert found["text"] == offline.text
    assert found["tokens"] == list(offline.tokens)
    assert found["source_tokens"] == list(offline.source_tokens)
    assert found["words"] == list(offline.words.texts)
    assert found["source_words"] == list(offline.source_words.texts)
    assert found["word_of_token"] == list(offline.words.word_of_token)
    assert found["source_word_of_token"] == list(offline.source_words.word_of_token)
    for key in ("log_probability", "score", "log_probabilities"):
        assert found[key] == pytest.approx(getattr(offline, key), abs=1e-4)
    np.testing.assert_allclose(found["attention"], offline.attention, atol=1e-4)


def test_one_text(client: TestClient, translator: regard.Translator) -> None:
    (found,) = client.post("/v1/translate", json={"text": SENTENCES[0]}).json()["translations"]
    same(found, translator.translate(SENTENCES[0]))
    assert found["alternatives"] == []


def test_an_application_may_begin_again(translator: regard.Translator) -> None:
    app = create_app(translator)
    for _ in range(2):
        with TestClient(app, base_url=HERE) as client:
            assert client.post("/v1/translate", json={"text": "a"}).status_code == 200


def test_texts_in_order_with_their_next_best(client: TestClient, translator: regard.Translator) -> None:
    request_body = {"text": SENTENCES, "beam": 4, "num_best": 3}
    found = client.post("/v1/translate", json=request_body).json()["translations"]
    for one, offline in zip(found, translator.translate(SENTENCES, beam=4, num_best=3), strict=True):
        for other, expected in zip(
            [one, *one["alternatives"]], [offline, *offline.alternatives], strict=True
        ):
            same(other, expected)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_stream_sends_each_token_then_the_translation(
    client: TestClient, translator: regard.Translator, beam: int
) -> None:
    answer = client.post("/v1/translate", json={"text": SENTENCES[0], "beam": beam, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *tokens, last = events(answer.text)
    offline = translator.translate(SENTENCES[0], beam=beam)
    same(last["done"], offline)
    assert [one["token"] for one in tokens] == list(offline.tokens)
    assert [one["log_probability"] for one in tokens] == pytest.approx(offline.log_probabilities, abs=1e-4)
    np.testing.assert_allclose([one["weights"] for one in tokens], offline.attention, atol=1e-4)
    assert tokens[-1]["text"] == offline.text


def test_a_trace_is_the_one_in_python(client: TestClient, translator: regard.Translator) -> None:
    found = client.post("/v1/trace", json={"text": SENTENCES[0]}).json()
    assert found["schema"] == "regard-trace/2"
    trace = translator.trace(SENTENCES[0])
    assert [step["token"] for step in found["steps"]] == list(trace.translation.tokens)
    np.testing.assert_allclose([s["weights"] for s in found["steps"]], trace.translation.attention, atol=1e-4)
    forced = client.post("/v1/trace", json={"text": SENTENCES[0], "target": "the"}).json()
    assert forced["target"]["text"] == "the"


def test_alignment(client: TestClient, translator: regard.Translator) -> None:
    found = client.post("/v1/align", json=PAIR).json()
    offline = translator.align(PAIR["source"], PAIR["target"])
    assert found["tokens"] == list(offline.tokens)
    np.testing.assert_allclose(found["attention"], offline.attention, atol=1e-4)
    for link in found["pharaoh"].split():
        source, target = map(int, link.split("-"))
        assert 0 <= source < len(PAIR["source"].split())
        assert 0 <= target < len(PAIR["target"].split())


def test_scores(client: TestClient, translator: regard.Translator) -> None:
    found = client.post("/v1/score", json=PAIR).json()
    offline = translator.score(PAIR["source"], PAIR["target"])
    assert found["tokens"] == list(offline.tokens)
    for key in ("log_probability", "per_token", "log_probabilities"):
        assert found[key] == pytest.approx(getattr(offline, key), abs=1e-4)
    assert found["perplexity"] == pytest.approx(offline.perplexity, rel=1e-4)


def test_nothing_is_translated_as_nothing(client: TestClient) -> None:
    (found,) = client.post("/v1/translate", json={"text": " "}).json()["translations"]
    assert (found["text"], found["tokens"], found["attention"]) == ("", [], None)
    (done,) = events(client.post("/v1/translate", json={"text": "", "stream": True}).text)
    assert done["done"]["text"] == ""
    scored = client.post("/v1/score", json={"source": "", "target": ""}).json()
    assert (scored["log_probability"], scored["per_token"], scored["perplexity"]) == (0, None, None)
    assert client.post("/v1/align", json={"source": "", "target": "a"}).json()["pharaoh"] == ""
    assert client.post("/v1/trace", json={"text": ""}).status_code == 200


def test_health_describes_the_model_and_the_limits(client: TestClient, translator: regard.Translator) -> None:
    found = client.get("/healthz").json()
    assert found["status"] == "ready"
    assert found["version"] == client.get("/openapi.json").json()["info"]["version"]
    assert found["model"].items() >= translator.describe().items()
    assert found["model"]["attends"] is True
    assert found["limits"] == dataclasses.asdict(Limits())


def test_figures(client: TestClient, translator: regard.Translator) -> None:
    client.post("/v1/translate", json={"text": SENTENCES})
    client.post("/v1/score", json=PAIR)
    client.post("/v1/translate", json={"text": 1})
    client.get("/nothing/here")
    client.post("/v1/score", content="no JSON")
    figures = client.get("/metrics").text.splitlines()
    tokens = sum(len(translator.tokenisers.source.encode(text)) for text in SENTENCES)
    for line in (
        "regard_queue_depth 0.0",
        f'regard_sentences_total{{work="translate"}} {len(SENTENCES)}.0',
        f'regard_batch_size_sum{{work="translate"}} {len(SENTENCES)}.0',
        f'regard_source_tokens_total{{work="translate"}} {tokens}.0',
        'regard_sentences_total{work="score"} 1.0',
        'regard_refused_total{status="422"} 1.0',
        'regard_refused_total{status="415"} 1.0',
        'http_requests_total{handler="/v1/translate",method="POST",status="2xx"} 1.0',
        'http_requests_total{handler="none",method="GET",status="4xx"} 1.0',
    ):
        assert line in figures


def test_the_page_is_there_and_no_page_that_loads_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "'self'" in answer.headers["content-security-policy"]
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/openapi.json", "/nowhere", "/v1/translate"])
def test_every_answer_is_guarded(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_hostile_text_stays_text(client: TestClient, path: str) -> None:
    answer = client.post(path, json=dict.fromkeys(ENDPOINTS[path], HOSTILE))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_refusal_of_hostile_keys_is_json(client: TestClient, path: str) -> None:
    found = error(client.post(path, json={**ENDPOINTS[path], HOSTILE: 1}), 422)
    assert found["field"] == HOSTILE


@pytest.fixture(scope="module")
def narrow(translator: regard.Translator) -> Iterator[TestClient]:
    """A server whose bounds are small."""
    limits = Limits(num_texts=2, num_characters=60, num_tokens=8, beam=3, body_size=400)
    with TestClient(create_app(translator, limits), base_url=HERE) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "request_body", "field", "limit"),
    [
        ("/v1/translate", {"text": ["a", "b", "c"]}, "text", 2),
        ("/v1/translate", {"text": []}, "text", 2),
        ("/v1/translate", {"text": ["a", "b" * 61]}, "text[1]", 60),
        ("/v1/translate", {"text": "ja " * 9}, "text", 8),
        ("/v1/translate", {"text": "a", "beam": 4}, "beam", 3),
        ("/v1/translate", {"text": "a", "num_best": 4}, "num_best", 3),
        ("/v1/trace", {"text": "a" * 61}, "text", 60),
        ("/v1/trace", {"text": "a", "target": "ja " * 9}, "target", 8),
        ("/v1/align", {"source": "a", "target": "b" * 61}, "target", 60),
        ("/v1/score", {"source": "a " * 9, "target": "b"}, "source", 8),
    ],
)
def test_what_is_too_much_is_refused_with_field_and_limit(
    narrow: TestClient, path: str, request_body: dict[str, Any], field: str, limit: int
) -> None:
    found = error(narrow.post(path, json=request_body), 422)
    assert (found["field"], found["limit"]) == (field, limit)
    assert found["message"].startswith(f"{field}: expected")


def test_a_body_too_large_is_refused_with_or_without_its_length(narrow: TestClient) -> None:
    body = json.dumps({"text": "a" * 400}).encode()
    json_type = {"content-type": "application/json"}
    for content in (body, (body[start : start + 50] for start in range(0, len(body), 50))):
        found = error(narrow.post("/v1/translate", content=content, headers=json_type), 413)
        assert (found["field"], found["limit"]) == ("body", 400)


@pytest.mark.parametrize(
    ("request_body", "field", "words"),
    [
        ({}, "text", "required"),
        ({"text": 1}, "text", "string"),
        ({"text": ["a", 2]}, "text[1]", "string"),
        ({"text": "a\ud800"}, "text", "surrogate"),
        ({"text": "a", "beam": 0}, "beam", "greater than or equal to 1"),
        ({"text": "a", "beam": "3"}, "beam", "integer"),
        ({"text": "a", "beam": True}, "beam", "integer"),
        ({"text": "a", "beam": 2, "num_best": 3}, "num_best", "widen the beam"),
        ({"text": ["a"], "stream": True}, "stream", "string"),
        ({"text": "a", "beams": 2}, "beams", "not permitted"),
        ({"text": "a", "\ud800": 2}, None, "unicode"),
        ([], None, "expected an object"),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, request_body: Any, field: str | None, words: str) -> None:
    headers = {"content-type": "application/json"}
    found = error(client.post("/v1/translate", content=json.dumps(request_body), headers=headers), 422)
    assert found["field"] == field
    assert words in found["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"nothing", b"[" * 10_000, b'{"text": 1e999, "a": NaN}']
)
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/translate", content=body, headers={"content-type": "application/json"})
    error(answer, answer.status_code)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "text/html"])
def test_a_form_of_another_site_is_refused(client: TestClient, kind: str) -> None:
    body = json.dumps({"text": "a"})
    assert error(client.post("/v1/translate", content=body, headers={"content-type": kind}), 415)


def test_json_may_name_its_charset(client: TestClient) -> None:
    kind = {"content-type": "application/json; charset=utf-8"}
    assert client.post("/v1/translate", content=b'{"text": "a"}', headers=kind).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[::", ""])
def test_another_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    assert error(client.get("/healthz", headers={"host": host}), 400)["field"] == "Host"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_this_machine_is_known_by_its_names(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_other_hosts_can_be_allowed(translator: regard.Translator) -> None:
    for hosts in (["mine.example"], None):
        with TestClient(create_app(translator, hosts=hosts), base_url="http://mine.example") as client:
            assert client.get("/healthz").status_code == 200


def test_what_is_not_there(client: TestClient) -> None:
    error(client.get("/v2"), 404)
    answer = client.put("/v1/translate", json={})
    error(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_an_internal_error_is_not_shown(
    translator: regard.Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(translator, "translate", fail)
    app = create_app(translator)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        for stream in (False, True):
            answer = client.post("/v1/translate", json={"text": "a", "stream": stream})
            assert "internal server error" in error(answer, 500)["message"]
            assert "secret" not in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_model_without_attention(models: Trained) -> None:
    with TestClient(create_app(regard.load(models.fixed_vector)), base_url=HERE) as client:
        found = TranslateResponse.model_validate(client.post("/v1/translate", json={"text": "a b"}).json())
        assert found.translations[0].attention is None
        *tokens, _ = events(client.post("/v1/translate", json={"text": "a b", "stream": True}).text)
        assert {token["weights"] for token in tokens} == {None}
        assert "no attention" in error(client.post("/v1/align", json=PAIR), 422)["message"]
        assert client.post("/v1/score", json=PAIR).status_code == 200
        assert client.post("/v1/trace", json={"text": "a"}).json()["steps"][0]["weights"] is None
        assert client.get("/healthz").json()["model"]["attends"] is False


def test_the_description_names_what_there_is(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    assert set(found["paths"]) == {*ENDPOINTS, "/healthz", "/metrics"}
    for path in ENDPOINTS:
        post = found["paths"][path]["post"]
        assert post["description"]
        assert set(post["responses"]) == {"200", "400", "408", "413", "415", "422", "503", "504"}
    assert "HTTPValidationError" not in found["components"]["schemas"]
    for schema in found["components"]["schemas"].values():
        assert schema["description"]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"beam": 0}, "limits.beam"),
        ({"queue_size": 3}, "queue of 3"),
        ({"timeout_s": float("nan")}, "timeout"),
    ],
)
def test_bounds_that_let_nothing_through_are_refused(bounds: dict[str, Any], words: str) -> None:
    with pytest.raises(regard.ConfigError, match=words):
        Limits(**bounds)
