"""Stream a translation token by token, from the model's thread to the client's connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from regard.records.text import StreamedToken
from regard.serving.errors import INTERNAL_ERROR, RequestError


class StreamClosedError(Exception):
    """The client has disconnected; raised in the model's thread to stop the search."""


class Stream:
    """The tokens of one translation, put by the model's thread and read by the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tokens: asyncio.Queue[StreamedToken | None] = asyncio.Queue()
        self._closed = False

    def put(self, token: StreamedToken) -> None:
        """Append a token, from the model's thread. Raises StreamClosedError once the client has disconnected."""
        if self._closed:
            raise StreamClosedError
        self._loop.call_soon_threadsafe(self._tokens.put_nowait, token)

    async def start(
        self, work: Coroutine[Any, Any, list[Any]], show: Callable[[Any], dict[str, Any]]
    ) -> AsyncIterator[dict[str, Any]]:
        """Start the work, wait for its first token, and return its events.

        An error before the first token is raised here; a later one becomes the last event. `show` turns the result
        into the content of the event `done`.
        """
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._finish)
        try:
            first = await self._tokens.get()
        except asyncio.CancelledError:
            self._close(task)
            raise
        if first is None:
            task.result()  # raises
        return self._events(first, task, show)

    async def _events(
        self,
        first: StreamedToken | None,
        task: asyncio.Future[list[Any]],
        show: Callable[[Any], dict[str, Any]],
    ) -> AsyncIterator[dict[str, Any]]:
        try:
            token = first
            while token is not None:
                yield _event(token)
                token = await self._tokens.get()
            try:
                yield {"done": show(task.result()[0])}
            except RequestError as error:
                yield error.body()
            except Exception:
                yield RequestError(500, INTERNAL_ERROR).body()
                raise
        finally:
            self._close(task)

    def _finish(self, task: asyncio.Future[list[Any]]) -> None:
        """Mark the end of the tokens, and retrieve an error so that asyncio does not log it as unhandled."""
        if not task.cancelled():
            task.exception()
        self._tokens.put_nowait(None)

    def _close(self, task: asyncio.Future[list[Any]]) -> None:
        self._closed = True
        task.cancel()


def _event(token: StreamedToken) -> dict[str, Any]:
    return {
        "token": token.token,
        "log_probability": token.log_probability,
        "weights": None if token.weights is None else token.weights.tolist(),
        "text": token.text,
    }
