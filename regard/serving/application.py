"""The endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from regard.serving.errors import MISTAKE, RefusedError, refused_for
from regard.serving.front_page import front_page, policy_of
from regard.serving.limits import Limits
from regard.serving.messages import (
    AlignAnswer,
    ErrorAnswer,
    HealthAnswer,
    PairRequest,
    ScoreAnswer,
    TraceAnswer,
    TraceRequest,
    TranslateAnswer,
    TranslateRequest,
)
from regard.serving.middleware import HEADERS, Guard
from regard.serving.service import Service
from regard.translator import Translator

_DESCRIPTION = """\
A sequence-to-sequence model with attention: translations, what attention did for each word of them, and what given
translations look like to the model. Every failure is `{"error": {"field", "message", "limit"}}`."""

_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        400: "Not a request of this API, or sent to another host.",
        408: "The body came too slowly.",
        413: "The body is too large.",
        415: "The body is not declared as application/json.",
        422: "A field is wrong, or larger than a limit.",
        503: "The queue is full or the server is stopping; Retry-After says when to come again.",
        504: "The work took too long.",
    }.items()
}


def build_application(
    translator: Translator, limits: Limits, hosts: Collection[str] | None, sentence: str
) -> FastAPI:
    """The application; `hosts` are those that requests may be sent to, None for any.

    The page begins with `sentence`.
    """
    service = Service(translator, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await service.batcher.close()

    app = FastAPI(
        title="regard",
        version=version("regard"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # these two load scripts from another host
        redoc_url=None,
    )
    app.state.service = service
    _add_failures(app, service)
    _add_model(app, service)
    _add_watching(app, service)
    _add_page(app, front_page(translator, sentence))
    app.add_middleware(Guard, hosts=hosts, limits=limits, meter=service.meter)
    return app


def _add_model(app: FastAPI, service: Service) -> None:
    limits = service.limits
    bounds = f"A text has at most {limits.num_characters} characters and {limits.num_tokens} tokens."
    event = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
    streamed: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": event}}, "model": TranslateAnswer}
    }

    @app.post(
        "/v1/translate",
        tags=["model"],
        summary="Translate",
        description=f"Up to {limits.num_texts} texts. {bounds} With `stream`, one text comes as server-sent events: "
        '`{"token", "log_probability", "weights", "text"}` for each token as soon as every hypothesis of the beam '
        "has it in that place (with a beam of 1 at once), so nothing is taken back; then "
        '`{"done": translation}`, or `{"error"}`.',
        response_model=TranslateAnswer,
        responses={**_FAILURES, **streamed},
    )
    async def translate(asked: TranslateRequest) -> Any:
        if not asked.stream:
            return await service.translate(asked)
        return StreamingResponse(_lines(await service.stream(asked)), media_type="text/event-stream")

    @app.post(
        "/v1/trace",
        tags=["model"],
        summary="Show every step",
        description=f"Scores, weights, context and next words of each step of one translation. {bounds}",
        responses={**_FAILURES, 200: {"model": TraceAnswer}},
    )
    async def trace(asked: TraceRequest) -> Response:
        return Response(await service.trace(asked), media_type="application/json")

    @app.post(
        "/v1/align",
        tags=["model"],
        summary="Link words",
        description=f"What the model looks at while it is made to write the target. {bounds}",
        responses=_FAILURES,
    )
    async def align(asked: PairRequest) -> AlignAnswer:
        return await service.align(asked)

    @app.post(
        "/v1/score",
        tags=["model"],
        summary="Score a translation",
        description=f"How probable the model finds the target. {bounds}",
        responses=_FAILURES,
    )
    async def score(asked: PairRequest) -> ScoreAnswer:
        return await service.score(asked)


def _add_watching(app: FastAPI, service: Service) -> None:
    translator, limits = service.translator, asdict(service.limits)

    @app.get(
        "/healthz",
        tags=["server"],
        summary="Is it ready?",
        responses={503: {"model": HealthAnswer, "description": "The server is stopping."}},
    )
    async def health(response: Response) -> HealthAnswer:
        closing = service.batcher.closing
        response.status_code = 503 if closing else 200
        model = {
            **translator.describe(),
            "attends": translator.attends,
            "models": len(translator.models),
            "device": str(translator.device),
            "source_vocabulary_size": len(translator.tokenisers.source),
            "target_vocabulary_size": len(translator.tokenisers.target),
        }
        status = "stopping" if closing else "ready"
        return HealthAnswer(status=status, version=app.version, model=model, limits=limits)

    Instrumentator(registry=service.meter.registry, excluded_handlers=["/metrics"]).instrument(app)

    @app.get("/metrics", tags=["server"], summary="Figures for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(service.meter.registry), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI, page: str) -> None:
    policy = {"Content-Security-Policy": policy_of(page)}

    @app.get("/", include_in_schema=False)
    async def front() -> HTMLResponse:
        return HTMLResponse(page, headers=policy)


def _add_failures(app: FastAPI, service: Service) -> None:
    def answer(refusal: RefusedError) -> Response:
        service.meter.refused.labels(str(refusal.status)).inc()
        return refusal.response(HEADERS)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, refusal: RefusedError) -> Response:
        return answer(refusal)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return answer(refused_for(error.errors(), error.body))

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        response = answer(RefusedError(error.status_code, str(error.detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:  # uvicorn prints the traceback
        return answer(RefusedError(500, MISTAKE))


async def _lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    async for event in events:
        yield f"data: {json.dumps(event)}\n\n"
