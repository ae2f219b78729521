"""Lanes: limits, turns, cancelling, closing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from restyle.studio import ApiError, lanes
from restyle.studio.lanes import Lane, Worker
from tests.studio.conftest import LIMIT, settle


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
        assert queue.skips == {}  # forgotten once nobody waits
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
        assert queue.places.refused == 4

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
        assert (queue.waiting, len(queue.running)) == (1, 1)
        running.cancel()
        await settle()
        assert worker.stopped == ["running"]
        worker.gate.set()
        assert (await last) == {"name": "last"}
        assert worker.tasks == ["running", "last"]
        assert not queue.places.taken

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


@pytest.fixture
def settings(tiny_model: Path) -> dict[str, Any]:
    return {
        "model": str(tiny_model),
        "device": "cpu",
        "threads": 1,
        "max_pixels": 1 << 40,
        "max_media_seconds": 60,
        "memory": 2 << 30,
        "file_size": 1 << 20,
        "nice": 0,
    }


def task(photo: Path, folder: Path, **options: Any) -> dict[str, Any]:
    return {
        "kind": "image",
        "folder": str(folder),
        "content": str(photo),
        "styles": [[{"name": "great-wave"}, None, None]],
        "regions": [],
        "options": options,
        "names": {str(photo): "content"},
        "output": str(folder / "result.png"),
    }


def stopping(run: Callable[[Worker], Coroutine[Any, Any, None]], worker: Worker) -> None:
    """Run a test, and stop the worker whatever happens."""

    async def both() -> None:
        try:
            await run(worker)
        finally:
            await worker.stop()

    asyncio.run(both())


@pytest.mark.slow
def test_worker_works_again_after_it_was_killed(
    settings: dict[str, Any], photo_file: Path, tmp_path: Path
) -> None:
    def quiet(news: dict[str, Any]) -> None:
        pass

    async def run(worker: Worker) -> None:
        good = task(photo_file, tmp_path)
        assert (await worker.run(good, LIMIT, quiet))["width"] == 84
        assert worker.pid is not None
        first = worker.pid

        long = task(photo_file, tmp_path, size=4000, paint_size=4000)
        running = asyncio.ensure_future(
            worker.run(long, LIMIT, lambda news: os.kill(first, signal.SIGKILL))  # at the first tile
        )
        with pytest.raises(ApiError) as caught:
            await running
        assert (caught.value.status, caught.value.code) == (422, "worker_ended")

        with pytest.raises(ApiError) as caught:
            await worker.run(long, 0.2, quiet)
        assert caught.value.code == "too_slow"
        assert worker.pid is None

        assert (await worker.run(good, LIMIT, quiet))["height"] == 60
        assert worker.starts == 3

    stopping(run, Worker(settings))


@pytest.mark.slow
def test_cancelling_stops_a_run_of_the_network_and_keeps_the_process(
    settings: dict[str, Any], photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "GRACE", LIMIT)

    async def run(worker: Worker) -> None:
        long = task(photo_file, tmp_path, size=3000, paint_size=3000)  # nine tiles
        answers: list[dict[str, Any]] = []
        answer = worker._answer

        async def noted() -> dict[str, Any]:
            answers.append(await answer())
            return answers[-1]

        monkeypatch.setattr(worker, "_answer", noted)

        def cancel(news: dict[str, Any]) -> None:
            running.cancel()

        running = asyncio.ensure_future(worker.run(long, LIMIT, cancel))
        with pytest.raises(asyncio.CancelledError):
            await running
        assert answers[-1]["error"]["code"] == "cancelled"
        assert not Path(long["output"]).exists()
        process = worker.pid
        assert (await worker.run(task(photo_file, tmp_path), LIMIT, lambda news: None))["height"] == 60
        assert worker.pid == process

    stopping(run, Worker({**settings, "file_size": 1 << 30}))


def test_memory_of_a_worker_is_limited(settings: dict[str, Any], photo_file: Path, tmp_path: Path) -> None:
    async def run(worker: Worker) -> None:
        with pytest.raises(ApiError) as caught:
            await worker.run(task(photo_file, tmp_path, size=9000), LIMIT, lambda news: None)
        assert caught.value.code in ("too_large", "worker_ended", "bad_input"), caught.value
        assert (await worker.run(task(photo_file, tmp_path), LIMIT, lambda news: None))["width"] == 84

    stopping(run, Worker({**settings, "memory": 400 << 20}))


def test_worker_that_cannot_start(
    settings: dict[str, Any], photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(worker: Worker) -> None:
        with pytest.raises(ApiError) as caught:
            await worker.run(task(photo_file, tmp_path), LIMIT, lambda news: None)
        assert caught.value.status == 503

    monkeypatch.setattr(lanes, "START", 20.0)
    stopping(run, Worker({**settings, "model": "none"}))
