"""Tokens from one thread to another: in order, and given up where nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from regard.records.text import StreamedToken
from regard.serving.errors import RequestError
from regard.serving.stream import Stream, StreamClosedError

TOKEN = StreamedToken("a", -0.5, None, "a")


def follow(work: Callable[[Stream], Any], listen: Callable[[Any], Any]) -> Any:
    """Follow work that runs in a thread."""

    async def run() -> Any:
        stream = Stream()
        events = await stream.start(asyncio.to_thread(work, stream), lambda text: {"text": text})
        return await listen(events)

    return asyncio.run(run())


async def all_of(events: Any) -> list[dict[str, Any]]:
    return [event async for event in events]


def test_tokens_are_sent_before_the_translation() -> None:
    def work(stream: Stream) -> list[str]:
        stream.put(TOKEN)
        return ["whole"]

    first, last = follow(work, all_of)
    assert first == {"token": "a", "log_probability": -0.5, "weights": None, "text": "a"}
    assert last == {"done": {"text": "whole"}}


def test_an_error_before_the_first_token_is_raised() -> None:
    def work(stream: Stream) -> list[str]:
        raise RequestError(503, "full")

    with pytest.raises(RequestError, match="full"):
        follow(work, all_of)


def test_a_later_error_is_the_last_event() -> None:
    def work(stream: Stream) -> list[str]:
        stream.put(TOKEN)
        raise RequestError(504, "too late", None, 3)

    *_, last = follow(work, all_of)
    assert last == {"error": {"field": None, "message": "too late", "limit": 3}}


def test_an_internal_error_is_sent_and_raised() -> None:
    def work(stream: Stream) -> list[str]:
        stream.put(TOKEN)
        raise ZeroDivisionError("secret")

    seen = []

    async def listen(events: Any) -> None:
        async for event in events:
            seen.append(event)

    with pytest.raises(ZeroDivisionError):
        follow(work, listen)
    assert "internal server error" in seen[-1]["error"]["message"]
    assert "secret" not in str(seen)


def test_a_disconnect_stops_the_search() -> None:
    ended = []

    def work(stream: Stream) -> list[str]:
        try:
            for _ in range(10_000_000):
                stream.put(TOKEN)
        except StreamClosedError:
            ended.append(True)
            raise
        return ["whole"]

    async def listen(events: Any) -> None:
        await anext(events)
        await events.aclose()

    follow(work, listen)  # asyncio waits for the thread at its end
    assert ended == [True]
