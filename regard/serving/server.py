"""Run a server: open its socket, start it, stop it gracefully."""

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
    """Return an ASGI application that serves a translator; its lifespan must be run.

    Requests must name one of `hosts`; None accepts any. The page starts with `sentence`. Raises ConfigError if the
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
    """Serve a model folder or a translator until Ctrl-C or SIGTERM, then finish the pending requests and return.

    Port 0 chooses a free one. `hosts` are further names under which requests may reach this server; one that listens
    on every address (0.0.0.0) without `hosts` accepts any. The page starts with `sentence`, or with a validation
    sentence of the model. `tell` is called with each line for the user. Raises ConfigError if the address is in use
    or the extra `serve` is not installed, ModelError for an incomplete folder.
    """
    check_installed()
    import uvicorn

    limits = limits or Limits()
    server_socket = _open_socket(host, port)
    with server_socket:
        if isinstance(model, (str, Path)):
            from regard.serving.front_page import first_sentence
            from regard.translator import load

            sentence = sentence or first_sentence(model)
            model = load(model)
        accepted = None if host in ANY and not hosts else {*LOOPBACK, host, *hosts}
        config = uvicorn.Config(
            create_app(model, limits, accepted, sentence),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(limits.timeout_s) + 1,
            proxy_headers=False,
            ws="none",
        )
        if host not in LOOPBACK:
            tell(
                f"warning: listening on {host or 'every address'}: anyone who can reach this machine can use the "
                "model; there is no password and no encryption"
            )
        tell(f"serving at {_address(server_socket)} (Ctrl-C stops)")
        with _ignore_late_signals():
            uvicorn.Server(config).run([server_socket])
    tell("stopped")


def check_installed() -> None:
    """Raise ConfigError unless the libraries of the extra `serve` are installed."""
    for name in ("fastapi", "uvicorn", "prometheus_fastapi_instrumentator"):
        try:
            import_module(name)
        except ImportError:
            raise ConfigError(
                f"serving needs the library {name}, which is not installed; run: pip install 'regard[serve]'"
            ) from None


def _open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket, which already queues connections. Raises ConfigError if it cannot be opened."""
    if not 0 <= port < 2**16:
        raise ConfigError(f"port: expected a number from 0 to 65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0].lower()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {why}; choose another host or port (0: any free port)"
        ) from None


def _address(server_socket: socket.socket) -> str:
    host, port = server_socket.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _ignore_late_signals() -> Iterator[None]:
    """Ignore the signals that uvicorn, having shut down gracefully, raises once more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ignore(_: int, __: Any) -> None:
        return

    handlers = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
