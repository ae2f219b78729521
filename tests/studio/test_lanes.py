"""Lanes: limits, turns, cancelling, closing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from restyle.studio.answers import ApiError
from restyle.studio.lanes import Lane
from tests.studio.conftest import settle


class Instant:
    """In place of a worker: remembers tasks, and ends each when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []
        self.stopped: list[Any] = []
        self.gate = asyncio.Event()

    async def run(self, task: dict[str, Any], seconds: float, news: Any) -> dict[str, Any]:
        self.tasks.append(task["name"])
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped.append(task["name"])
            raise
        return {"name": task["name"]}

    async def stop(self) -> None:
        pass


def lane(worker: Any, places: int = 10) -> Lane:
    return Lane("test", [worker], places, 5)


async def submit(queue: Lane, client: str, name: str) -> dict[str, Any]:
    with queue.admit(client) as ticket:
        return await ticket.run({"name": name})


def test_clients_take_turns() -> None:
    async def run() -> list[str]:
        worker = Instant()
        queue = lane(worker)
        names = [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")]
        running = [asyncio.ensure_future(submit(queue, client, name)) for client, name in names]
        await settle()
        assert [entry.task["name"] for entry in queue.order()] == ["a2", "b1", "c1", "a3", "b2"]
        worker.gate.set()
        await asyncio.gather(*running)
        return worker.tasks

    assert asyncio.run(run()) == ["a1", "a2", "b1", "c1", "a3", "b2"]


def test_clients_that_leave_lose_turns() -> None:
    async def run() -> list[str]:
        worker = Instant()
        queue = lane(worker)
        running = asyncio.ensure_future(submit(queue, "a", "a1"))
        leaving = [asyncio.ensure_future(submit(queue, "b", f"b{number}")) for number in range(2)]
        await settle()
        for each in leaving:
            each.cancel()
        await settle()
        names = [("b", "b3"), ("a", "a2"), ("c", "c1"), ("a", "a3")]
        rest = [asyncio.ensure_future(submit(queue, client, name)) for client, name in names]
        await settle()
        worker.gate.set()
        await asyncio.gather(running, *rest)
        assert queue._skips == {}  # forgotten once nobody waits
        return worker.tasks

    assert asyncio.run(run()) == ["a1", "a2", "c1", "a3", "b3"]


def test_places_are_limited_for_all_and_for_each() -> None:
    async def run() -> None:
        queue = lane(Instant(), places=4)
        first = [queue.admit("a"), queue.admit("a")]
        with pytest.raises(ApiError) as caught:
            queue.admit("a")
        assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
        _ = [queue.admit("b"), queue.admit("c")]
        with pytest.raises(ApiError, match="full"):
            queue.admit("b")
        _ = [queue.admit(client) for client in "defg"]  # those without a place get one
        with pytest.raises(ApiError, match="full"):
            queue.admit("h")
        first[0].close()
        first[0].close()  # a second time changes nothing
        queue.admit("h")
        with pytest.raises(ApiError, match="full"):
            queue.admit("i")
        assert queue.refused == 4

    asyncio.run(run())


def test_cancelled_tasks_leave_the_queue_or_stop() -> None:
    async def run() -> None:
        worker = Instant()
        queue = lane(worker)
        running, waiting, last = (
            asyncio.ensure_future(submit(queue, "a", name)) for name in ("running", "waiting", "last")
        )
        await settle()
        waiting.cancel()
        await settle()
        assert (queue.waiting, queue.running) == (1, 1)
        running.cancel()
        await settle()
        assert worker.stopped == ["running"]
        worker.gate.set()
        assert (await last) == {"name": "last"}
        assert worker.tasks == ["running", "last"]
        assert queue._places.free

    asyncio.run(run())


def test_closing_refuses_what_waits_and_finishes_what_runs() -> None:
    async def run() -> None:
        worker = Instant()
        queue = lane(worker)
        running, waiting = (asyncio.ensure_future(submit(queue, "a", name)) for name in ("one", "two"))
        await settle()
        asyncio.get_running_loop().call_later(0.05, worker.gate.set)
        await queue.close(60)
        assert (await running) == {"name": "one"}
        with pytest.raises(ApiError) as caught:
            await waiting
        assert caught.value.code == "stopping"
        with pytest.raises(ApiError, match="shutting down"):
            queue.admit("a")

    asyncio.run(run())
