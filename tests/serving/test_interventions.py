"""Interventions over HTTP: the same as in Python, and refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import regard
from regard.records.text import Attend, Force, Weights
from regard.serving import create_app
from tests.serving.conftest import HERE
from tests.serving.test_application import error, events, same
from tests.trained import Trained, known_sentences

TEXT = known_sentences(1)[0]
SIZE = len(TEXT.split()) + 1
ATTEND = {"kind": "attend", "step": 0, "to": [0, 2]}
ROW = {"kind": "weights", "step": 1, "row": [1.0, 3.0, *[0.0] * (SIZE - 2)]}
FORCE = {"kind": "force", "step": 0, "token": "the"}


@pytest.mark.parametrize(
    ("request_body", "records"),
    [
        ([ATTEND], [Attend(0, (0, 2))]),
        ([ROW], [Weights(1, tuple(ROW["row"]))]),
        ([FORCE], [Force(0, "the")]),
        ([ATTEND, ROW, FORCE], [Attend(0, (0, 2)), Weights(1, tuple(ROW["row"])), Force(0, "the")]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_they_do_what_they_do_in_python(
    client: TestClient,
    translator: regard.Translator,
    request_body: list[Any],
    records: list[Any],
    stream: bool,
) -> None:
    body = {"text": TEXT, "interventions": request_body, "beam": 2, "stream": stream}
    answer = client.post("/v1/translate", json=body)
    assert answer.status_code == 200, answer.text
    offline = translator.translate(TEXT, intervene=records, beam=2)
    if stream:
        *tokens, last = events(answer.text)
        assert [one["token"] for one in tokens] == list(offline.tokens)
        same(last["done"], offline)
    else:
        same(answer.json()["translations"][0], offline)


def test_weights_are_replaced_and_shown_in_the_trace(client: TestClient) -> None:
    found = client.post("/v1/trace", json={"text": TEXT, "interventions": [ROW, FORCE]}).json()
    np.testing.assert_allclose(found["steps"][1]["weights"][:3], [0.25, 0.75, 0], atol=1e-6)
    assert [step["intervention"] for step in found["steps"][:3]] == ["force", "weights", None]
    assert found["steps"][0]["token"] == "the"


def test_the_models_own_rows_change_nothing(client: TestClient) -> None:
    (plain,) = client.post("/v1/translate", json={"text": TEXT}).json()["translations"]
    own = [{"kind": "weights", "step": step, "row": row} for step, row in enumerate(plain["attention"])]
    body = {"text": TEXT, "interventions": own}
    (again,) = client.post("/v1/translate", json=body).json()["translations"]
    assert again["text"] == plain["text"]
    assert again["log_probability"] == pytest.approx(plain["log_probability"], abs=1e-4)


def test_the_beam_and_the_weighted_states_are_returned_on_request(client: TestClient) -> None:
    body = {"text": TEXT, "beam": 2, "alignment": True}
    found = client.post("/v1/trace", json=body).json()
    assert found["beam"]["beam"] == 2
    weights, states = np.array(found["steps"][0]["weights"]), np.array(found["states"])
    np.testing.assert_allclose(found["steps"][0]["alignment"], weights[:, None] * states, atol=1e-5)


@pytest.mark.parametrize(
    ("request_body", "field", "words"),
    [
        ({"kind": "attend", "step": 0, "to": [99]}, "interventions", f"tokens from 0 to {SIZE - 1}"),
        ({"kind": "attend", "step": 0, "to": []}, "interventions[0].to", "at least 1"),
        ({"kind": "attend", "step": 0, "to": 1}, "interventions[0].to", "list"),
        ({"kind": "attend", "step": -1, "to": [0]}, "interventions[0].step", "greater"),
        ({"kind": "attend", "step": 10_000, "to": [0]}, "interventions[0].step", "less than 10000"),
        ({"kind": "attend", "step": 9_999, "to": [0]}, "interventions", "step 9999"),
        ({"kind": "attend", "to": [0]}, "interventions[0].step", "required"),
        ({"kind": "weights", "step": 0, "row": [1, 2]}, "interventions", f"{SIZE} weights"),
        ({"kind": "weights", "step": 0, "row": [0.0] * SIZE}, "interventions", "not all of them 0"),
        ({"kind": "weights", "step": 0, "row": [-1.0] * SIZE}, "interventions[0].row[0]", "greater"),
        ({"kind": "force", "step": 0, "token": "xylophone"}, "interventions", "no token"),
        ({"kind": "force", "step": 0, "token": "\ud800"}, None, ""),
        ({"kind": "delete", "step": 0}, "interventions[0]", "does not match"),
        ({"step": 0}, "interventions[0]", "kind"),
        (3, "interventions[0]", ""),
    ],
)
def test_what_cannot_be_changed_is_named(
    client: TestClient, request_body: Any, field: str | None, words: str
) -> None:
    for path in ("/v1/translate", "/v1/trace"):
        body = json.dumps({"text": TEXT, "interventions": [request_body]})
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        found = error(answer, 422)
        assert words in found["message"]
        assert field is None or found["field"] == field


def test_two_at_one_place_and_several_texts_are_refused(client: TestClient) -> None:
    for interventions in ([ATTEND, ATTEND], [FORCE, FORCE]):
        found = error(client.post("/v1/trace", json={"text": TEXT, "interventions": interventions}), 422)
        assert found["field"] == "interventions"
    found = error(client.post("/v1/translate", json={"text": [TEXT], "interventions": [ATTEND]}), 422)
    assert found["field"] == "interventions"
    assert "one text" in found["message"]
    found = error(client.post("/v1/translate", json={"text": "", "interventions": [ATTEND]}), 422)
    assert found["field"] == "interventions"


def test_alignment_of_a_long_text_is_refused(client: TestClient) -> None:
    found = error(client.post("/v1/trace", json={"text": "ja " * 200, "alignment": True}), 422)
    assert (found["field"], found["limit"]) == ("alignment", 2_000_000)


def test_a_model_without_attention_cannot_be_made_to_attend(models: Trained) -> None:
    with TestClient(create_app(regard.load(models.fixed_vector)), base_url=HERE) as client:
        found = error(client.post("/v1/translate", json={"text": TEXT, "interventions": [ATTEND]}), 422)
        assert "plain decoder" in found["message"]
        answer = client.post("/v1/translate", json={"text": TEXT, "interventions": [FORCE]})
        assert answer.json()["translations"][0]["tokens"][0] == "the"
