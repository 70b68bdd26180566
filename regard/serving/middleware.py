"""ASGI middleware: checks every request before the application sees it, and adds security headers to responses."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regard.serving.errors import RequestError
from regard.serving.limits import Limits
from regard.serving.metrics import Metrics

NO_CONTENT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "Content-Security-Policy": NO_CONTENT,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityMiddleware:
    """Accept only requests to known hosts whose bodies are JSON and not too large; add security headers.

    A page of another site can make its own name resolve to this machine (DNS rebinding); such requests carry that
    name as their Host and are refused. `hosts=None` accepts any. Bodies are read before the application runs.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None, limits: Limits, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.hosts = None if hosts is None else {host.lower() for host in hosts}
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if scope["method"] == "POST":
                _check_content_type(headers)
                receive = _replay(await self._read_body(headers, receive), receive)
        except RequestError as error:
            self.metrics.refused.labels(str(error.status)).inc()
            return await error.response()(scope, receive, send_with_headers)
        return await self.app(scope, receive, send_with_headers)

    def _check_host(self, headers: Headers) -> None:
        if self.hosts is None:
            return
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname
        except ValueError:
            host = None
        if host not in self.hosts:
            known = ", ".join(sorted(self.hosts))
            raise RequestError(400, f"Host: expected one of {known}, got {host or 'none'}", "Host")

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes:
        limit = self.limits.body_size
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            raise _too_large(limit)
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise _too_large(limit)
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            limit_s = self.limits.timeout_s
            raise RequestError(408, f"the body took longer than {limit_s:g} s", "body", limit_s) from None


def _check_content_type(headers: Headers) -> None:
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RequestError(
            415, f"expected Content-Type: application/json, got {content_type or 'none'}", "Content-Type"
        )


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"body: expected at most {limit} bytes", "body", limit)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that delivers the whole body first."""
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay
