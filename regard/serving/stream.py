"""A translation as it is written: from the thread of the model to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from regard.records.text import StreamedToken
from regard.serving.errors import MISTAKE, RefusedError


class AbandonedError(Exception):
    """Nobody listens any more."""


class Stream:
    """The tokens of one translation, told in one thread and followed in another."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[StreamedToken | None] = asyncio.Queue()
        self._abandoned = False

    def tell(self, written: StreamedToken) -> None:
        """In the thread of the model; ends its search where nobody listens."""
        if self._abandoned:
            raise AbandonedError
        self._loop.call_soon_threadsafe(self._told.put_nowait, written)

    async def follow(
        self, work: Coroutine[Any, Any, list[Any]], show: Callable[[Any], dict[str, Any]]
    ) -> AsyncIterator[dict[str, Any]]:
        """The events, once the first is there: what fails before raises, what fails later is the last event."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._end)
        try:
            first = await self._told.get()
        except asyncio.CancelledError:
            self._give_up(task)
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
            written = first
            while written is not None:
                yield _event(written)
                written = await self._told.get()
            try:
                yield {"done": show(task.result()[0])}
            except RefusedError as refused:
                yield refused.body()
            except Exception:
                yield RefusedError(500, MISTAKE).body()
                raise
        finally:
            self._give_up(task)

    def _end(self, task: asyncio.Future[list[Any]]) -> None:
        """Tell who listens; an error that nobody listens to is no news."""
        if not task.cancelled():
            task.exception()
        self._told.put_nowait(None)

    def _give_up(self, task: asyncio.Future[list[Any]]) -> None:
        self._abandoned = True
        task.cancel()


def _event(written: StreamedToken) -> dict[str, Any]:
    return {
        "token": written.token,
        "log_probability": written.log_probability,
        "weights": None if written.weights is None else written.weights.tolist(),
        "text": written.text,
    }
