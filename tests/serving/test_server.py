"""The server as it runs: a socket, many clients, an end in the middle of the work."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

import regard
from regard.serving import Limits, serve
from regard.serving.server import check_installed
from tests.serving.conftest import Start
from tests.trained import unseen_pairs

NEAR_TIE = 1e-4  # of scores, in nats a token
SENTENCES = [pair.source for pair in unseen_pairs(200)]


class Held:
    """A translator that waits before it translates until `open` is set."""

    def __init__(self, translator: regard.Translator) -> None:
        self.translator = translator
        self.begun, self.open = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.translator, name)

    def translate(self, texts: Sequence[str], **how: Any) -> Any:
        self.begun.set()
        assert self.open.wait(60)
        return self.translator.translate(texts, **how)


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Work beside the test; its result is there at the end."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    yield found
    thread.join(60)
    assert found


def test_two_hundred_concurrent_requests_get_the_offline_translations(
    start: Start, translator: regard.Translator
) -> None:
    offline = translator.translate(SENTENCES)
    server = start(translator, limits=Limits(timeout_s=200))  # a busy machine is slow, and still right

    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.address, limits=limits, timeout=200) as client:
            return await asyncio.gather(*(client.post("/v1/translate", json={"text": s}) for s in SENTENCES))

    answers = asyncio.run(ask())
    assert {answer.status_code for answer in answers} == {200}
    ties = 0
    for answer, expected in zip(answers, offline, strict=True):
        (found,) = answer.json()["translations"]
        assert found["score"] == pytest.approx(expected.score, abs=NEAR_TIE)
        if found["text"] == expected.text:
            assert found["log_probability"] == pytest.approx(expected.log_probability, abs=1e-4)
        else:
            ties += 1
    assert ties <= 2
    figures = server.get("/metrics").text
    assert 'regard_sentences_total{work="translate"} 200.0' in figures
    (batches,) = (line for line in figures.splitlines() if line.startswith("regard_batch_size_count"))
    assert float(batches.split()[1]) < 100


def test_stopping_finishes_pending_requests_and_accepts_no_new_ones(
    start: Start, translator: regard.Translator
) -> None:
    held = Held(translator)
    server = start(held)
    with in_thread(lambda: server.post(text=SENTENCES[0])) as first:
        assert held.begun.wait(60)
        with in_thread(lambda: server.post(text=SENTENCES[1])) as second:
            while "regard_queue_depth 1.0" not in server.get("/metrics").text:
                time.sleep(0.01)
            server.stop()
            while server.is_there():
                time.sleep(0.01)
            held.open.set()
    for answers, sentence in ((first, SENTENCES[0]), (second, SENTENCES[1])):
        assert answers[0].json()["translations"][0]["text"] == translator.translate(sentence).text
    server.thread.join(60)
    assert server.messages[-1].startswith("stopped")


def test_a_full_queue_says_when_to_retry(start: Start, translator: regard.Translator) -> None:
    held = Held(translator)
    server = start(held, limits=Limits(num_texts=2, queue_size=2))
    with in_thread(lambda: server.post(text="a")) as first:
        assert held.begun.wait(60)
        with in_thread(lambda: server.post(text=["b", "c"])) as second:
            while "regard_queue_depth 2.0" not in server.get("/metrics").text:
                time.sleep(0.01)
            for request_body in ({"text": "d"}, {"text": "d", "stream": True}):
                refused = server.post(**request_body)
                assert refused.status_code == 503
                assert int(refused.headers["retry-after"]) >= 1
                assert refused.json()["error"]["limit"] == 2
            held.open.set()
    assert (first[0].status_code, second[0].status_code) == (200, 200)


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_request_times_out(start: Start, translator: regard.Translator, stream: bool) -> None:
    held = Held(translator)
    server = start(held, limits=Limits(timeout_s=0.3))
    late = server.post(text="a", stream=stream)
    held.open.set()
    assert late.status_code == 504
    assert late.json()["error"]["limit"] == 0.3
    assert "regard_queue_depth 0.0" in server.get("/metrics").text


def test_a_body_that_never_ends_is_not_waited_for(start: Start, translator: regard.Translator) -> None:
    server = start(translator, limits=Limits(timeout_s=0.3))
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(
            f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            'Content-Length: 100\r\n\r\n{"source"'.encode()
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_stream_comes_while_it_is_written(start: Start, translator: regard.Translator) -> None:
    """The first token has come while the search waits for it to be read."""
    read = threading.Event()

    class Slow(Held):
        def translate(self, texts: Sequence[str], **how: Any) -> Any:
            follow = how["follow"]

            def tell(written: Any) -> None:
                follow(written)
                assert read.wait(60)

            return self.translator.translate(texts, **{**how, "follow": tell})

    server = start(Slow(translator))
    request_body = {"text": SENTENCES[0], "stream": True, "beam": 1}
    with httpx.stream("POST", f"{server.address}/v1/translate", json=request_body, timeout=60) as answer:
        lines = answer.iter_lines()
        assert "token" in json.loads(next(lines).removeprefix("data: "))
        read.set()
        *_, last = [line for line in lines if line]
    expected = translator.translate(SENTENCES[0], beam=1).text
    assert json.loads(last.removeprefix("data: "))["done"]["text"] == expected


def test_a_port_in_use_is_an_error(start: Start, translator: regard.Translator) -> None:
    server = start(translator)
    port = int(server.address.rsplit(":", 1)[1])
    with pytest.raises(regard.ConfigError, match=f"port {port}: address already in use; choose another"):
        serve(translator, port=port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 70_000, "0 to 65535, got 70000"),
        ("203.0.113.1", 0, "cannot listen on 203.0.113.1 port 0: cannot assign"),
        ("no host", 0, "cannot listen on no host port 0: name or service not known; choose another"),
    ],
)
def test_an_invalid_address_is_an_error(
    translator: regard.Translator, host: str, port: int, words: str
) -> None:
    with pytest.raises(regard.ConfigError, match=words):
        serve(translator, host, port)


def test_other_machines_are_warned_of(start: Start, translator: regard.Translator) -> None:
    server = start(translator, host="0.0.0.0")
    assert server.messages[0].startswith("warning: listening on 0.0.0.0: anyone who can reach this machine")
    address = server.address.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{address}/healthz", timeout=60, headers={"host": "any.example"}).status_code == 200


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, translator: regard.Translator) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for call in (check_installed, lambda: serve(translator), lambda: regard.create_app(translator)):
        with pytest.raises(regard.ConfigError, match=r"library uvicorn.*pip install 'regard\[serve\]'"):
            call()
