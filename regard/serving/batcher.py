"""Batch concurrent requests: texts of equal tasks and similar length go through the model together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from regard.serving.errors import RequestError
from regard.serving.limits import Limits
from regard.serving.metrics import Metrics
from regard.serving.tasks import Task
from regard.translator import Translator


@dataclass(frozen=True, eq=False)
class _QueueItem:
    """One text in the queue, `num_tokens` long, and the future that receives its result."""

    task: Task
    item: Any
    num_tokens: int
    result: asyncio.Future[Any]


class Batcher:
    """A queue in front of one model, which runs in a thread of its own.

    An idle server waits `limits.wait_s` for more texts; while the model is busy they gather by themselves. The
    next batch always contains the text that has waited longest, together with those of equal task whose length is
    closest: within a factor of two, plus 8 tokens, so that no short text waits for a long one to be decoded. A batch
    that fails is retried text by text, so that a mistake in one text does not affect the others.
    """

    def __init__(self, translator: Translator, limits: Limits, metrics: Metrics) -> None:
        self.translator = translator
        self.limits = limits
        self.metrics = metrics
        self.closing = False
        self._queue: list[_QueueItem] = []
        self._loop_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start processing the queue in the running event loop; may be called again after `close`."""
        self.closing = False
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="regard-model")
        self._loop_task = asyncio.create_task(self._process_queue())

    async def close(self) -> None:
        """Accept nothing new, and finish everything in the queue."""
        self.closing = True
        self._arrived.set()
        if self._loop_task is not None:
            await self._loop_task
        self._thread.shutdown()

    async def submit(self, task: Task, items: Sequence[Any], num_tokens: Sequence[int]) -> list[Any]:
        """Return the result for each item; `num_tokens` are their lengths.

        Raises RequestError if the queue is full, the time is up or the server is closing, and whatever the task
        raises. Items whose request timed out or was cancelled leave the queue.
        """
        assert self._loop_task is not None, "the lifespan of the application has not been started"
        if self.closing:
            raise RequestError(503, "the server is stopping and accepts no new requests")
        self._check_queue_size(len(items))
        loop = asyncio.get_running_loop()
        queued = [
            _QueueItem(task, item, length, loop.create_future())
            for item, length in zip(items, num_tokens, strict=True)
        ]
        self._set_queue(self._queue + queued)
        self._arrived.set()
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                return list(await asyncio.gather(*(one.result for one in queued)))
        except TimeoutError:
            limit = self.limits.timeout_s
            raise RequestError(
                504, f"timed out after {limit:g} s; send less in one request", None, limit
            ) from None
        finally:
            self._cancel(queued)

    def _check_queue_size(self, num_new: int) -> None:
        limit = self.limits.queue_size
        if len(self._queue) + num_new > limit:
            raise RequestError(
                503,
                f"the queue is full: {len(self._queue)} of {limit} texts are waiting; retry later",
                None,
                limit,
            )

    def _cancel(self, queued: Sequence[_QueueItem]) -> None:
        """Remove items from the queue whose request is over."""
        for one in queued:
            one.result.cancel()
        self._set_queue([one for one in self._queue if not one.result.done()])

    def _set_queue(self, queue: list[_QueueItem]) -> None:
        self._queue = queue
        self.metrics.queue.set(len(queue))

    async def _process_queue(self) -> None:
        while not self.closing:
            await self._arrived.wait()
            self._arrived.clear()
            await asyncio.sleep(0 if self.closing else self.limits.wait_s)
            while batch := self._next_batch():
                await self._run(batch)

    def _next_batch(self) -> list[_QueueItem]:
        """Take the next batch out of the queue."""
        if not self._queue:
            return []
        oldest = self._queue[0]
        batch_size = self.limits.batch_size if oldest.task.batched else 1
        candidates = [
            one
            for one in self._queue
            if one.task == oldest.task and _similar(one.num_tokens, oldest.num_tokens)
        ]
        candidates.sort(key=lambda one: abs(one.num_tokens - oldest.num_tokens))
        batch = candidates[:batch_size]
        taken = set(map(id, batch))
        self._set_queue([one for one in self._queue if id(one) not in taken])
        return batch

    async def _run(self, batch: Sequence[_QueueItem]) -> None:
        task = batch[0].task
        start = time.perf_counter()
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._thread, task.run, self.translator, [one.item for one in batch]
            )
        except Exception as error:
            if len(batch) == 1:
                _resolve(batch[0], error)
                return
            for one in batch:
                await self._run([one])
            return
        self._record_metrics(task.name, batch, time.perf_counter() - start)
        for one, result in zip(batch, results, strict=True):
            _resolve(one, result)

    def _record_metrics(self, name: str, batch: Sequence[_QueueItem], seconds: float) -> None:
        self.metrics.batches.labels(name).observe(len(batch))
        self.metrics.seconds.labels(name).observe(seconds)
        self.metrics.sentences.labels(name).inc(len(batch))
        self.metrics.source_tokens.labels(name).inc(sum(one.num_tokens for one in batch))


def _similar(length: int, other: int) -> bool:
    return max(length, other) <= 2 * min(length, other) + 8


def _resolve(queued: _QueueItem, result: Any) -> None:
    """Set the result or the error of a queued item, unless its request is over."""
    if queued.result.done():
        return
    if isinstance(result, Exception):
        queued.result.set_exception(result)
    else:
        queued.result.set_result(result)
