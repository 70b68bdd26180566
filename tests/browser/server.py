"""A small server with the API of `regard serve` and a toy model, to test the live page by itself."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from regard.explain import Live, attention_page, trace_from_json
from tests.traces import toy_trace


class ToyServer:
    """Serve the live page at `address` inside a `with` block; `requests` are the bodies sent to /v1/trace."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.refuse: str | None = None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._http.server_port}/"

    def __enter__(self) -> ToyServer:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def page(self) -> str:
        return attention_page(trace_from_json(toy_trace()), title="Toy", live=Live())

    def trace(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        return toy_trace(body["text"], interventions=body.get("interventions", ()))


def _handler(toy: ToyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/"
            self._answer(200 if found else 204, "text/html; charset=utf-8", toy.page() if found else "")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if toy.refuse is not None:
                refusal = {"error": {"field": "interventions", "message": toy.refuse, "limit": None}}
                self._answer(422, "application/json", json.dumps(refusal))
            elif self.path == "/v1/trace":
                self._answer(200, "application/json", json.dumps(toy.trace(body)))
            elif self.path == "/v1/translate" and body.get("stream"):
                self._answer(200, "text/event-stream", _events(body["text"]))

        def _answer(self, status: int, kind: str, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    return Handler


def _events(text: str) -> str:
    steps = toy_trace(text)["steps"]
    tokens = [
        {"token": step["token"], "log_probability": step["log_probability"], "weights": step["weights"]}
        for step in steps
    ]
    translation = " ".join(step["token"] for step in steps[:-1])
    return "".join(f"data: {json.dumps(event)}\n\n" for event in [*tokens, {"done": {"text": translation}}])
