"""Workers that are killed, and work again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from restyle.studio import workers
from restyle.studio.answers import ApiError
from restyle.studio.workers import Worker
from tests.studio.conftest import LIMIT


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


def test_cancelling_stops_a_run_of_the_network_and_keeps_the_process(
    settings: dict[str, Any], photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "GRACE", LIMIT)

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

    monkeypatch.setattr(workers, "START", 20.0)
    stopping(run, Worker({**settings, "model": "none"}))
