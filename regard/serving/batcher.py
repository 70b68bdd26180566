"""Requests that come together are worked on together, those of like length first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from regard.serving.errors import RefusedError
from regard.serving.limits import Limits
from regard.serving.metrics import Meter
from regard.serving.work import Work
from regard.translator import Translator


@dataclass(frozen=True, eq=False)
class _Job:
    """One text that waits, so many tokens long, and where its result goes."""

    work: Work
    item: Any
    size: int
    result: asyncio.Future[Any]


class Batcher:
    """One model in one thread, and the queue before it.

    An idle server waits `limits.wait_s` for more texts to come; while the model works they gather by themselves. The
    text that has waited longest is always in the next batch, with those that want equal work and are nearest to it
    in length: at most twice as long and 8 tokens, or the other way round, so that no short one waits for a long one
    to be written. A batch that fails is done again text by text, so that the mistake in one hurts no other.
    """

    def __init__(self, translator: Translator, limits: Limits, meter: Meter) -> None:
        self.translator = translator
        self.limits = limits
        self.meter = meter
        self.closing = False
        self._waiting: list[_Job] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in the running event loop; also again, after `close`."""
        self.closing = False
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="regard-model")
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take nothing more, finish all that waits."""
        self.closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def submit(self, work: Work, items: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        """The result for each item, so many tokens long.

        Raises RefusedError where there is no room or no time left, or where the server closes; what the work raises.
        What is given up, because of its time or by being cancelled, leaves the queue.
        """
        assert self._task is not None, "the lifespan of the application has not been started"
        if self.closing:
            raise RefusedError(503, "the server is stopping and takes nothing new")
        self._check_room(len(items))
        loop = asyncio.get_running_loop()
        jobs = [_Job(work, item, size, loop.create_future()) for item, size in zip(items, sizes, strict=True)]
        self._waiting += jobs
        self.meter.queue.set(len(self._waiting))
        self._arrived.set()
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                return list(await asyncio.gather(*(job.result for job in jobs)))
        except TimeoutError:
            limit = self.limits.timeout_s
            raise RefusedError(
                504, f"not done within {limit:g} s; ask for less at once", None, limit
            ) from None
        finally:
            self._forget(jobs)

    def _check_room(self, number: int) -> None:
        limit = self.limits.queue_size
        if len(self._waiting) + number > limit:
            raise RefusedError(
                503, f"{len(self._waiting)} of {limit} texts are waiting; come again", None, limit
            )

    def _forget(self, jobs: Sequence[_Job]) -> None:
        """Take what nobody waits for any more out of the queue."""
        for job in jobs:
            job.result.cancel()
        self._waiting = [job for job in self._waiting if not job.result.done()]
        self.meter.queue.set(len(self._waiting))

    async def _work(self) -> None:
        while not self.closing:
            await self._arrived.wait()
            self._arrived.clear()
            await asyncio.sleep(0 if self.closing else self.limits.wait_s)
            while group := self._next_group():
                await self._do(group)

    def _next_group(self) -> list[_Job]:
        """The next to be done together; they leave the queue."""
        if not self._waiting:
            return []
        oldest = self._waiting[0]
        most = 1 if oldest.work.alone else self.limits.batch_size
        alike = [job for job in self._waiting if job.work == oldest.work and _near(job.size, oldest.size)]
        group = sorted(alike, key=lambda job: abs(job.size - oldest.size))[:most]
        taken = set(map(id, group))
        self._waiting = [job for job in self._waiting if id(job) not in taken]
        self.meter.queue.set(len(self._waiting))
        return group

    async def _do(self, group: Sequence[_Job]) -> None:
        work = group[0].work
        begun = time.perf_counter()
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._thread, work.run, self.translator, [job.item for job in group]
            )
        except Exception as error:
            if len(group) == 1:
                _settle(group[0], error)
                return
            for job in group:
                await self._do([job])
            return
        self._count(work.name, group, time.perf_counter() - begun)
        for job, result in zip(group, results, strict=True):
            _settle(job, result)

    def _count(self, name: str, group: Sequence[_Job], seconds: float) -> None:
        self.meter.batches.labels(name).observe(len(group))
        self.meter.seconds.labels(name).observe(seconds)
        self.meter.sentences.labels(name).inc(len(group))
        self.meter.source_tokens.labels(name).inc(sum(job.size for job in group))


def _near(size: int, other: int) -> bool:
    return max(size, other) <= 2 * min(size, other) + 8


def _settle(job: _Job, result: Any) -> None:
    """Hand over a result or an error, unless nobody waits for it."""
    if job.result.done():
        return
    if isinstance(result, Exception):
        job.result.set_exception(result)
    else:
        job.result.set_result(result)
