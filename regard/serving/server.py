"""A server on this machine: its socket, its beginning and its end."""

from __future__ import annotations

import math
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import ConfigError
from regard.serving.limits import Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

    from regard.translator import Translator

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ANY = ("", "0.0.0.0", "::")


def create_app(
    translator: Translator,
    limits: Limits | None = None,
    hosts: Collection[str] | None = LOOPBACK,
    sentence: str = "",
) -> FastAPI:
    """An ASGI application that serves a translator; its lifespan must be run.

    Requests must be sent to one of `hosts`, None for any. The page begins with `sentence`. Raises ConfigError if the
    extra `serve` is not installed.
    """
    check_installed()
    from regard.serving.application import build_application

    return build_application(translator, limits or Limits(), hosts, sentence)


def serve(
    model: str | Path | Translator,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    limits: Limits | None = None,
    hosts: Collection[str] = (),
    sentence: str = "",
    tell: Callable[[str], None] = print,
) -> None:
    """Serve a model folder, or a translator, until Ctrl-C or SIGTERM; then finish what is in flight.

    Port 0 is any free one. `hosts` are more names by which requests may call this server; those who listen on every
    address (0.0.0.0) without naming any are called by any. The page begins with `sentence`, or with one that the
    folder keeps. `tell` is given lines for the user. Raises ConfigError if
    the address is taken or the extra `serve` is not installed, ModelError for a folder that is not whole.
    """
    check_installed()
    import uvicorn

    limits = limits or Limits()
    listening = _listen(host, port)
    with listening:
        if isinstance(model, (str, Path)):
            from regard.serving.front_page import first_sentence
            from regard.translator import load

            sentence = sentence or first_sentence(model)
            model = load(model)
        known = None if host in ANY and not hosts else {*LOOPBACK, host, *hosts}
        config = uvicorn.Config(
            create_app(model, limits, known, sentence),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(limits.timeout_s) + 1,
            proxy_headers=False,
            ws="none",
        )
        if host not in LOOPBACK:
            tell(
                f"warning: listening on {host or 'every address'}: whoever reaches this machine can use the model; "
                "there is no password and no encryption"
            )
        tell(f"serving at {_address(listening)} (Ctrl-C stops)")
        with _calm_end():
            uvicorn.Server(config).run([listening])
    tell("stopped")


def check_installed() -> None:
    """Raise ConfigError unless what serving needs is there."""
    for name in ("fastapi", "uvicorn", "prometheus_fastapi_instrumentator"):
        try:
            import_module(name)
        except ImportError:
            raise ConfigError(
                f"serving needs the library {name}, which is not installed; run: pip install 'regard[serve]'"
            ) from None


def _listen(host: str, port: int) -> socket.socket:
    """A socket on which connections may already wait. Raises ConfigError if it cannot be had."""
    if not 0 <= port < 2**16:
        raise ConfigError(f"port: expected a number from 0 to 65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0].lower()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {why}; choose another host or port (0: any that is free)"
        ) from None


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _calm_end() -> Iterator[None]:
    """Uvicorn ends well on a signal, then raises it again, when there is nothing left to interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def nothing(_: int, __: Any) -> None:
        return

    before = {number: signal.signal(number, nothing) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
