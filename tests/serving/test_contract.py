"""Whatever fits the OpenAPI schema, or nearly does, gets an answer of a form that the schema names."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

import regard
from regard.serving import Limits, create_app

LIMITS = Limits(num_texts=3, num_characters=40, num_tokens=12, beam=2)
CHECKS = [
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
]


MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
POSTS = ["/v1/translate", "/v1/trace", "/v1/align", "/v1/score"]
HEADERS = {"host": "127.0.0.1"}


@pytest.fixture(scope="module")
def schema(translator: regard.Translator) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(translator, LIMITS), headers=HEADERS)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", POSTS)
def test_every_answer_is_described(schema: schemathesis.BaseSchema, path: str, mode: GenerationMode) -> None:
    seen = set()

    @given(schema[path]["POST"].as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(case: schemathesis.Case) -> None:
        seen.add(case.call_and_validate(checks=CHECKS, headers=HEADERS).status_code)

    check()
    assert (200 in seen) == (mode is GenerationMode.POSITIVE)


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_what_is_read_is_described(schema: schemathesis.BaseSchema, path: str) -> None:
    schema[path]["GET"].Case().call_and_validate(checks=CHECKS, headers=HEADERS)
