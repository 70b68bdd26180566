"""The FastAPI application: endpoints, error handlers and documentation."""

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

from regard.serving.errors import INTERNAL_ERROR, RequestError, validation_error
from regard.serving.front_page import content_security_policy, front_page
from regard.serving.limits import Limits
from regard.serving.middleware import HEADERS, SecurityMiddleware
from regard.serving.requests import PairRequest, TraceRequest, TranslateRequest
from regard.serving.responses import (
    AlignResponse,
    ErrorResponse,
    HealthResponse,
    ScoreResponse,
    TraceResponse,
    TranslateResponse,
)
from regard.serving.service import Service
from regard.translator import Translator

_DESCRIPTION = """\
A sequence-to-sequence model with attention: translates, shows the attention behind each output word, and aligns and
scores existing translations. Every error is `{"error": {"field", "message", "limit"}}`."""

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "Not a request of this API, or the Host header names another host.",
        408: "The body took too long to arrive.",
        413: "The body is too large.",
        415: "The body is not declared as application/json.",
        422: "A field is invalid or exceeds a limit.",
        503: "The queue is full or the server is stopping; Retry-After says when to retry.",
        504: "The request timed out.",
    }.items()
}


def build_application(
    translator: Translator, limits: Limits, hosts: Collection[str] | None, sentence: str
) -> FastAPI:
    """Build the application; requests must name one of `hosts` (None: any). The page starts with `sentence`."""
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
        docs_url=None,  # these two pages load scripts from another host
        redoc_url=None,
    )
    app.state.service = service
    _add_error_handlers(app, service)
    _add_model_endpoints(app, service)
    _add_monitoring(app, service)
    _add_page(app, front_page(translator, sentence))
    app.add_middleware(SecurityMiddleware, hosts=hosts, limits=limits, metrics=service.metrics)
    return app


def _add_model_endpoints(app: FastAPI, service: Service) -> None:
    limits = service.limits
    bounds = f"A text may have up to {limits.num_characters} characters and {limits.num_tokens} tokens."
    event = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
    streamed: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": event}}, "model": TranslateResponse}
    }

    @app.post(
        "/v1/translate",
        tags=["model"],
        summary="Translate",
        description=f"Up to {limits.num_texts} texts. {bounds} With `stream`, one text is answered by server-sent "
        'events: `{"token", "log_probability", "weights", "text"}` for each token, as soon as every hypothesis of '
        "the beam agrees on it (with a beam of 1 at once), so that no token is ever taken back; then "
        '`{"done": translation}`, or `{"error"}`.',
        response_model=TranslateResponse,
        responses={**_ERRORS, **streamed},
    )
    async def translate(request: TranslateRequest) -> Any:
        if not request.stream:
            return await service.translate(request)
        return StreamingResponse(_event_lines(await service.stream(request)), media_type="text/event-stream")

    @app.post(
        "/v1/trace",
        tags=["model"],
        summary="Trace a translation",
        description=f"Scores, weights, context and candidate tokens of each step of one translation. {bounds}",
        responses={**_ERRORS, 200: {"model": TraceResponse}},
    )
    async def trace(request: TraceRequest) -> Response:
        return Response(await service.trace(request), media_type="application/json")

    @app.post(
        "/v1/align",
        tags=["model"],
        summary="Align words",
        description=f"Attention weights and word links of a pair, by forced decoding of the target. {bounds}",
        responses=_ERRORS,
    )
    async def align(request: PairRequest) -> AlignResponse:
        return await service.align(request)

    @app.post(
        "/v1/score",
        tags=["model"],
        summary="Score a translation",
        description=f"Log-probability of the target under the model. {bounds}",
        responses=_ERRORS,
    )
    async def score(request: PairRequest) -> ScoreResponse:
        return await service.score(request)


def _add_monitoring(app: FastAPI, service: Service) -> None:
    translator, limits = service.translator, asdict(service.limits)

    @app.get(
        "/healthz",
        tags=["server"],
        summary="Health check",
        responses={503: {"model": HealthResponse, "description": "The server is stopping."}},
    )
    async def health(response: Response) -> HealthResponse:
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
        return HealthResponse(status=status, version=app.version, model=model, limits=limits)

    Instrumentator(registry=service.metrics.registry, excluded_handlers=["/metrics"]).instrument(app)

    @app.get("/metrics", tags=["server"], summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI, page: str) -> None:
    policy = {"Content-Security-Policy": content_security_policy(page)}

    @app.get("/", include_in_schema=False)
    async def front() -> HTMLResponse:
        return HTMLResponse(page, headers=policy)


def _add_error_handlers(app: FastAPI, service: Service) -> None:
    def respond(error: RequestError) -> Response:
        service.metrics.refused.labels(str(error.status)).inc()
        return error.response(HEADERS)

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> Response:
        return respond(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return respond(validation_error(error.errors(), error.body))

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        response = respond(RequestError(error.status_code, str(error.detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def internal_error(_: Request, error: Exception) -> Response:  # uvicorn logs the traceback
        return respond(RequestError(500, INTERNAL_ERROR))


async def _event_lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    async for event in events:
        yield f"data: {json.dumps(event)}\n\n"
