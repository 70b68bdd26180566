"""What is put together, what is refused, what is finished: with work that a test can hold up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from regard.errors import SearchError
from regard.serving.batcher import Batcher
from regard.serving.errors import RequestError
from regard.serving.limits import Limits
from regard.serving.metrics import Metrics


class Bench:
    """In place of a translator: notes what is done together, and in which thread; `open` lets the work go on."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.threads: set[str] = set()
        self.open = threading.Event()
        self.open.set()


@dataclass(frozen=True)
class Shout:
    """Upper case; some texts cannot be shouted."""

    louder: bool = False
    name: ClassVar = "shout"
    batched: ClassVar = True

    def run(self, bench: Bench, items: Sequence[str]) -> list[str]:
        bench.groups.append(list(items))
        bench.threads.add(threading.current_thread().name)
        assert bench.open.wait(10)
        if "mute" in items:
            raise SearchError("cannot shout mute")
        return [item.upper() + "!" * self.louder for item in items]


@dataclass(frozen=True)
class Whisper(Shout):
    batched: ClassVar = False


def with_batcher(test: Callable[[Batcher, Bench], Awaitable[None]], **limits: float) -> tuple[Batcher, Bench]:
    """Run a test beside a batcher that works."""
    bench = Bench()

    async def run() -> Batcher:
        batcher = Batcher(bench, Limits(**{"wait_s": 0.05, **limits}), Metrics())
        batcher.start()
        await test(batcher, bench)
        bench.open.set()
        await batcher.close()
        return batcher

    return asyncio.run(run()), bench


async def held(batcher: Batcher, bench: Bench) -> asyncio.Task[list[str]]:
    """A batcher whose thread is busy with one text until `bench.open` is set."""
    bench.open.clear()
    first = asyncio.create_task(batcher.submit(Shout(), ["first"], [1]))
    while not bench.groups:
        await asyncio.sleep(0.001)
    return first


def test_concurrent_texts_are_batched_in_one_thread() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        requests = [batcher.submit(Shout(), [f"a{i}", f"b{i}"], [3, 4]) for i in range(5)]
        assert await asyncio.gather(*requests) == [[f"A{i}", f"B{i}"] for i in range(5)]

    _, bench = with_batcher(test)
    assert len(bench.groups) == 1
    assert len(bench.groups[0]) == 10
    assert len(bench.threads) == 1


def test_only_equal_tasks_are_batched() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        tasks = [Shout(), Shout(louder=True), Shout(), Shout(louder=True), Whisper()]
        requests = [batcher.submit(task, [f"text{i}"], [4]) for i, task in enumerate(tasks)]
        again = batcher.submit(Whisper(), ["text5"], [4])
        found = await asyncio.gather(*requests, again)
        assert found == [["TEXT0"], ["TEXT1!"], ["TEXT2"], ["TEXT3!"], ["TEXT4"], ["TEXT5"]]

    _, bench = with_batcher(test)
    assert sorted(bench.groups) == [["text0", "text2"], ["text1", "text3"], ["text4"], ["text5"]]


def test_a_batch_has_similar_lengths_and_always_the_oldest_text() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        first = await held(batcher, bench)
        sizes = {"long": 100, "short": 1, "middle": 20, "longer": 120, "long too": 99, "brief": 2}
        later = [asyncio.create_task(batcher.submit(Shout(), [k], [n])) for k, n in sizes.items()]
        await asyncio.sleep(0)
        bench.open.set()
        await asyncio.gather(first, *later)

    # 2 × 2 + 8 is 12, so 20 is not like 2; of those like 100 the two nearest find room
    _, bench = with_batcher(test, batch_size=2)
    assert bench.groups == [["first"], ["long", "long too"], ["short", "brief"], ["middle"], ["longer"]]


def test_an_error_in_one_text_does_not_affect_the_others() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        requests = [batcher.submit(Shout(), [text], [1]) for text in ("a", "mute", "b")]
        found = await asyncio.gather(*requests, return_exceptions=True)
        assert found[0] == ["A"]
        assert isinstance(found[1], SearchError)
        assert found[2] == ["B"]

    _, bench = with_batcher(test)
    assert bench.groups == [["a", "mute", "b"], ["a"], ["mute"], ["b"]]


def test_a_full_queue_refuses_and_recovers() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        first = await held(batcher, bench)
        waiting = asyncio.create_task(batcher.submit(Shout(), ["a", "b"], [1, 1]))
        await asyncio.sleep(0)
        assert batcher.metrics.queue.collect()[0].samples[0].value == 2
        with pytest.raises(RequestError, match="2 of 3 texts are waiting") as refused:
            await batcher.submit(Shout(), ["c", "d"], [1, 1])
        assert (refused.value.status, refused.value.limit) == (503, 3)
        bench.open.set()
        assert await first == ["FIRST"]
        assert await waiting == ["A", "B"]
        assert await batcher.submit(Shout(), ["c", "d"], [1, 1]) == ["C", "D"]
        assert batcher.metrics.queue.collect()[0].samples[0].value == 0

    with_batcher(test, queue_size=3, num_texts=2)


def test_a_request_that_times_out_leaves_the_queue() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        bench.open.clear()
        requests = [batcher.submit(task, ["x"], [1]) for task in (Shout(), Whisper())]
        for found in await asyncio.gather(*requests, return_exceptions=True):
            assert isinstance(found, RequestError)
            assert (found.status, found.limit) == (504, 1)
        bench.open.set()
        assert await batcher.submit(Shout(), ["y"], [1]) == ["Y"]

    _, bench = with_batcher(test, timeout_s=1)
    assert bench.groups == [["x"], ["y"]]


def test_a_request_that_is_cancelled_leaves_the_queue() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        first = await held(batcher, bench)
        gone = asyncio.create_task(batcher.submit(Shout(), ["gone"], [1]))
        await asyncio.sleep(0)
        gone.cancel()
        bench.open.set()
        assert await first == ["FIRST"]
        with pytest.raises(asyncio.CancelledError):
            await gone

    _, bench = with_batcher(test)
    assert bench.groups == [["first"]]


def test_closing_finishes_the_queue_and_refuses_new_texts() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        first = await held(batcher, bench)
        waiting = [asyncio.create_task(batcher.submit(Shout(), [text], [1])) for text in "ab"]
        await asyncio.sleep(0)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="stopping") as refused:
            await batcher.submit(Shout(), ["c"], [1])
        assert refused.value.status == 503
        bench.open.set()
        assert await asyncio.gather(first, *waiting) == [["FIRST"], ["A"], ["B"]]
        await closing

    with_batcher(test)


def test_an_idle_batcher_closes() -> None:
    async def test(batcher: Batcher, bench: Bench) -> None:
        assert await batcher.submit(Shout(), [], []) == []

    with_batcher(test)
