"""Jobs and own styles: how they end, and when they are deleted."""

from __future__ import annotations

import asyncio
import errno
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from restyle.errors import OutputError
from restyle.studio import ApiError, jobs
from restyle.studio.jobs import LOCK, PREFIX, Job, OwnStyle, Shelf, Storage, sweep
from restyle.studio.lanes import Lane
from tests.studio.conftest import LIMIT, settle


class Worker:
    """In place of a worker: reports, waits for a gate, writes a result, and fails if the task says so."""

    async def run(self, task: dict[str, Any], seconds: float, news: Any) -> dict[str, Any]:
        news({"progress": 0.5, "seconds_left": None, "preview": 1})
        await task["gate"].wait()
        if task["fails"]:
            raise ApiError(422, "bad_input", "damaged")
        Path(task["output"]).write_bytes(bytes(1000))
        return {"notes": ["a note"]}

    async def stop(self) -> None:
        pass


def start(
    shelf: Shelf, lane: Lane, gate: asyncio.Event | None = None, fails: bool = False, *, client: str = "a"
) -> Job:
    """Start a job that ends when its gate is set; without one it ends at once."""
    if gate is None:
        gate = asyncio.Event()
        gate.set()
    folder = shelf.storage.folder(client)
    (folder.path / "content").write_bytes(bytes(500))
    output = folder.path / "result.png"
    job = Job("image", lane, lane.admit("a"), folder, output, "image/png", "art.png")
    shelf.add(job)
    job.start({"output": str(output), "gate": gate, "fails": fails})
    return job


async def names(job: Job) -> list[str]:
    return [line.decode().split("\n")[0].removeprefix("event: ") async for line in job.events()]


@pytest.fixture
def shelf(tmp_path: Path) -> Any:
    storage = Storage(str(tmp_path), 8000)
    yield Shelf(storage)
    storage.close()


def lane() -> Lane:
    worker: Any = Worker()
    return Lane("jobs", [worker], 10, 5)


def test_job_from_the_queue_to_its_result(shelf: Shelf) -> None:
    async def run() -> None:
        queue = lane()
        gate = asyncio.Event()
        first, second = start(shelf, queue, gate), start(shelf, queue)
        await settle()
        assert (first.view()["state"], second.view()["state"]) == ("running", "queued")
        assert (first.progress, second.view()["position"]) == (0.5, 0)
        gate.set()
        happened = await names(second)
        assert happened[0] == "progress"
        assert happened[-1] == "done"
        view = second.view()
        assert (view["progress"], view["notes"], view["error"]) == (1.0, ["a note"], None)
        assert view["result"] == f"/v1/jobs/{second.id}/result"
        assert [path.name for path in second.folder.path.iterdir()] == ["result.png"]  # inputs are gone
        assert shelf.storage.used == 2000

    asyncio.run(run())


def test_job_that_fails_and_job_that_is_cancelled(shelf: Shelf) -> None:
    async def run() -> None:
        queue = lane()
        failing, long = start(shelf, queue, fails=True), start(shelf, queue, asyncio.Event())
        waiting = start(shelf, queue)
        assert (await names(failing))[-1] == "failed"
        assert failing.view()["error"] == {"code": "bad_input", "message": "damaged", "field": None}
        await waiting.cancel()
        await long.cancel()
        assert (waiting.state, long.state) == ("cancelled", "cancelled")
        assert not long.folder.path.exists()
        unstarted = start(shelf, queue, asyncio.Event())
        await unstarted.cancel()
        assert (unstarted.state, queue.places.taken) == ("cancelled", {})

    asyncio.run(run())


def test_quiet_streams_have_a_heartbeat(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT", 0.02)

    async def run() -> None:
        gate = asyncio.Event()
        lines = start(shelf, lane(), gate).events()
        async with asyncio.timeout(LIMIT):
            while await anext(lines) != b": waiting\n\n":
                pass
        gate.set()
        assert [line async for line in lines][-1].startswith(b"event: done\n")

    asyncio.run(run())


def test_what_is_old_is_deleted(shelf: Shelf) -> None:
    async def run() -> None:
        job, running = start(shelf, lane()), start(shelf, lane(), asyncio.Event())
        await names(job)
        folder = shelf.storage.folder("a")
        style = OwnStyle("own-1", folder, folder.path / "a.png", folder.path / "b.jpg")
        style.picture.write_bytes(bytes(10))
        shelf.add(style)
        shelf.sweep()
        assert shelf.job(job.id) is job
        for each in (job, running, style):
            each.used = time.monotonic() - jobs.KEPT - 1
        linked = style.link_into(job.folder)  # a use
        shelf.sweep()
        assert list(shelf.styles) == ["own-1"]
        assert list(shelf.jobs) == [running.id]  # it has not ended
        assert not linked.exists()
        with pytest.raises(ApiError) as caught:
            shelf.job(job.id)
        assert caught.value.status == 404
        await running.cancel()

    asyncio.run(run())


def test_room_is_made_by_deleting_the_longest_unused(shelf: Shelf) -> None:
    async def run() -> None:
        made = []
        for _ in range(3):
            job = start(shelf, lane())
            await names(job)
            made.append(job)
        made[0].used = time.monotonic()  # a use
        shelf.storage.folder("b").add(4000)
        shelf.storage.folder("c").add(1500)
        assert set(shelf.jobs) == {made[0].id, made[2].id}

    asyncio.run(run())


def test_a_client_that_needs_room_loses_its_own_results(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        other = start(shelf, lane(), client="b")
        await names(other)
        own = [start(shelf, lane()) for _ in range(3)]
        for job in own:
            await names(job)
        shelf.storage.folder("a").add(1500)  # of 4000 that one client may have
        assert set(shelf.jobs) == {other.id, own[1].id, own[2].id}
        monkeypatch.setattr(jobs, "MOST", 4)
        last = start(shelf, lane())
        await names(last)
        assert set(shelf.jobs) == {other.id, own[2].id, last.id}

    asyncio.run(run())


def test_name_of_an_own_style_is_that_of_its_picture_on_this_server(shelf: Shelf, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"one")
    name = shelf.style_name(picture)
    assert name == shelf.style_name(picture)
    other = Shelf(shelf.storage)
    assert name != other.style_name(picture)  # nobody can compute it
    picture.write_bytes(b"two")
    assert name != shelf.style_name(picture)


def test_bytes_are_limited_and_given_back(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 100)
    folder, other = storage.folder("a"), storage.folder("b")
    folder.add(40)
    asked: list[tuple[int, str | None]] = []
    storage.make_room = lambda count, client: asked.append((count, client))
    with pytest.raises(ApiError) as caught:
        storage.folder("a").add(30)
    assert (caught.value.status, asked) == (503, [(20, "a")])  # a client has half
    asked.clear()
    other.add(50)
    with pytest.raises(ApiError) as caught:
        storage.folder("c").add(20)
    assert (caught.value.status, asked) == (503, [(10, None)])
    other.remove()
    (folder.path / "result").write_bytes(bytes(50))
    folder.measure()
    assert storage.used == 50
    folder.remove()
    assert (storage.used, folder.path.exists()) == (0, False)
    assert stat.S_IMODE(storage.root.stat().st_mode) == 0o700
    storage.close()
    assert not storage.root.exists()


def test_only_what_no_server_uses_is_swept(tmp_path: Path) -> None:
    running = Storage(str(tmp_path), 100)
    left = tmp_path / f"{PREFIX}left"
    (left / "upload").mkdir(parents=True)
    (left / LOCK).touch()
    (tmp_path / "other").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "other")
    sweep(tmp_path)
    assert not left.exists()
    assert running.root.exists()
    assert (tmp_path / "other").exists()
    running.close()


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    first, second = Storage(str(tmp_path), 100), Storage(str(tmp_path), 100)
    assert first.root.exists()
    for storage in (first, second):
        storage.close()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        Storage(str(tmp_path / "file"), 100)


def test_folder_is_made_when_it_is_used(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 1000)
    before = set(storage.root.iterdir())
    storage.folder("a").remove()
    folder = storage.folder("a")
    assert set(storage.root.iterdir()) == before
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    assert set(storage.root.iterdir()) == before
    storage.close()
