from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.testclient import TestClient

import regard
from regard.serving import create_app, serve
from tests.trained import Trained, trained

HERE = "http://127.0.0.1"  # what requests must be sent to


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory)


@pytest.fixture(scope="session")
def translator(models: Trained) -> regard.Translator:
    return regard.load(models.attention)


@pytest.fixture
def client(translator: regard.Translator) -> Iterator[TestClient]:
    with TestClient(create_app(translator), base_url=HERE) as client:
        yield client


class Running:
    """A server in a thread: its address, its messages, and how to stop it."""

    def __init__(self, server: uvicorn.Server, thread: threading.Thread, messages: list[str]) -> None:
        self.server, self.thread, self.messages = server, thread, messages
        self.address = messages[-1].split()[2]

    def stop(self) -> None:
        self.server.should_exit = True

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=60)

    def is_there(self) -> bool:
        """Whether it takes anything new."""
        try:
            self.get("/healthz")
        except httpx.ConnectError:
            return False
        return True

    def post(self, **request: Any) -> httpx.Response:
        return httpx.post(f"{self.address}/v1/translate", json=request, timeout=60)


Start = Callable[..., Running]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    made: list[uvicorn.Server] = []
    plain = uvicorn.Server

    def keep(config: uvicorn.Config) -> uvicorn.Server:
        made.append(plain(config))
        return made[-1]

    monkeypatch.setattr(uvicorn, "Server", keep)
    running: list[Running] = []

    def begin(model: Any, **options: Any) -> Running:
        messages: list[str] = []
        thread = threading.Thread(
            target=serve, args=(model,), kwargs={"port": 0, "tell": messages.append, **options}
        )
        thread.start()
        while not (made and made[-1].started):
            assert thread.is_alive()
            time.sleep(0.01)
        running.append(Running(made[-1], thread, messages))
        return running[-1]

    yield begin
    for one in running:
        one.stop()
        one.thread.join(60)
        assert not one.thread.is_alive()
