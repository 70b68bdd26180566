"""What every request passes before anything reads it, and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regard.serving.errors import RefusedError
from regard.serving.limits import Limits
from regard.serving.metrics import Meter

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


class Guard:
    """Takes requests to known hosts only, bodies that are JSON and not too large; adds the security headers.

    A page of another site can have a name of its own lead to this machine (DNS rebinding); its requests carry that
    name as their Host, and are refused. `hosts` None takes any. Bodies are read before the application runs.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None, limits: Limits, meter: Meter) -> None:
        self.app = app
        self.meter = meter
        self.hosts = None if hosts is None else {host.lower() for host in hosts}
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI has it."""
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
                _check_type(headers)
                receive = _replay(await self._read(headers, receive), receive)
        except RefusedError as refusal:
            self.meter.refused.labels(str(refusal.status)).inc()
            return await refusal.response()(scope, receive, send_with_headers)
        return await self.app(scope, receive, send_with_headers)

    def _check_host(self, headers: Headers) -> None:
        if self.hosts is None:
            return
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname
        except ValueError:
            host = None
        if host not in self.hosts:
            raise RefusedError(400, f"Host: expected one of {', '.join(sorted(self.hosts))}", "Host")

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        limit = self.limits.body_size
        told = headers.get("content-length", "")
        if told.isdecimal() and int(told[:20]) > limit:
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
            raise RefusedError(408, f"the body took longer than {limit_s:g} s", "body", limit_s) from None


def _check_type(headers: Headers) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "expected Content-Type: application/json", "Content-Type")


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"body: expected at most {limit} bytes", "body", limit)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole body first."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again
