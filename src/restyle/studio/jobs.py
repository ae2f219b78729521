"""What the server keeps: jobs with their results and styles of clients, for an hour, in a bounded folder.

The folder is private to its user, and deleted at the end, or by the next server.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restyle.errors import OutputError
from restyle.files import lock, reason
from restyle.studio import ApiError
from restyle.studio.lanes import Entry, Lane, Ticket

KEPT = 3600.0  # seconds since the last use
HEARTBEAT = 15.0  # seconds between two comments of a quiet stream of events
SWEEP_EVERY = 60.0  # seconds
MOST = 5000  # jobs and styles
PREFIX = "restyle-studio-"
LOCK = "lock"
MB = 1 << 20
ENDED = ("done", "failed", "cancelled")

Convert = Callable[[dict[str, Any]], Awaitable[Any]]


class Folder:
    """A folder for one request, job or style; its bytes count against the storage.

    It is made when its path is first asked for: most requests that are broken or refused leave no trace.
    """

    def __init__(self, storage: Storage, path: Path, client: str) -> None:
        self.storage, self.client, self.bytes = storage, client, 0
        self._path, self._made = path, False

    @property
    def path(self) -> Path:
        """The folder, which exists until `remove`."""
        if not self._made:
            self._path.mkdir(mode=0o700)
            self._made = True
        return self._path

    def add(self, count: int) -> None:
        """Count bytes before they are written; ApiError 503 if there is no space."""
        self.storage.reserve(count, self.client)
        self.bytes += count

    def measure(self) -> None:
        """Count the bytes of the files that are there now."""
        size = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())
        self.storage.count(size - self.bytes, self.client)
        self.bytes = size

    def remove(self) -> None:
        """Delete the folder."""
        self.storage.count(-self.bytes, self.client)
        self.bytes = 0
        if self._made:
            shutil.rmtree(self._path, ignore_errors=True)


class Storage:
    """All folders of one server, in a folder of its own below `parent` that only this user can open.

    They have at most `most` bytes. One client may have half, so that it does not make the server delete the
    others' results. Without a `parent`, the folder is in the system's one for temporary files.
    """

    def __init__(self, parent: str | None, most: int) -> None:
        self.most, self.used = most, 0
        self.make_room: Callable[[int, str | None], None] = lambda count, client: None
        self._of, self._lock = Counter[str](), contextlib.ExitStack()
        above = Path(parent or tempfile.gettempdir())
        try:
            above.mkdir(parents=True, exist_ok=True)
            sweep(above)
            self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above))
            with contextlib.suppress(BlockingIOError):  # a file system without locks: nothing is swept
                self._lock.enter_context(lock(self.root / LOCK))
        except OSError as error:
            raise OutputError(f"cannot use the folder '{above}': {reason(error)}") from error

    def folder(self, client: str) -> Folder:
        """Return a new folder, which counts as a client's."""
        return Folder(self, self.root / secrets.token_hex(8), client)

    def reserve(self, count: int, client: str) -> None:
        """Count bytes before they are written; ApiError 503 if there is no space, for all or for a client.

        Before that, results that nobody has used for long are deleted: the client's own if it has its half.
        """

        def over() -> tuple[int, int]:
            return self._of[client] + count - self.most // 2, self.used + count - self.most

        if (own := over()[0]) > 0:
            self.make_room(own, client)
        if (all_of_it := over()[1]) > 0:
            self.make_room(all_of_it, None)
        if max(over()) > 0:
            why = "the server has no space for this now; try again later"
            raise ApiError(503, "disk_full", why, headers={"Retry-After": "60"})
        self.count(count, client)

    def count(self, count: int, client: str) -> None:
        """Count bytes of a client that are there, or gone if negative."""
        self.used += count
        self._of[client] += count
        if not self._of[client]:
            del self._of[client]

    def close(self) -> None:
        """Delete everything."""
        self._lock.close()
        shutil.rmtree(self.root, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Delete what killed servers of this user have left below `parent`."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if path.is_symlink() or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            lock(path / LOCK).close()  # an OSError if that server runs
            shutil.rmtree(path)


@dataclass(eq=False)
class Job:
    """One task whose client does not wait for the answer."""

    kind: str  # "image", "video" or "audio"
    lane: Lane
    ticket: Ticket
    folder: Folder  # with the inputs, and later the result
    output: Path
    media_type: str  # of the result
    filename: str
    quality: int | None = None  # of the result in another lossy format
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    state: str = "queued"
    progress: float = 0.0
    seconds_left: float | None = None
    error: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    previews: int = 0
    used: float = field(default_factory=time.monotonic)
    entry: Entry | None = None
    runner: asyncio.Task[None] | None = None
    _begun: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Path of the job in the API."""
        return f"/v1/jobs/{self.id}"

    @property
    def preview(self) -> Path:
        """File of the preview."""
        return self.folder.path / "preview.jpg"

    @property
    def finished(self) -> Path:
        """File of the finished picture, from which other formats are made; only pictures have it."""
        return self.folder.path / "finished.npz"

    async def converted(self, suffix: str, work: Convert) -> Path:
        """Return the file of the result in the format of a suffix, made by `work` if it is not there yet."""
        path = self.output.with_suffix(suffix)
        if not path.exists():
            task = {"kind": "convert", "content": str(self.finished), "quality": self.quality}
            await work({**task, "folder": str(self.folder.path), "output": str(path)})
            self.folder.measure()
        return path

    def view(self) -> dict[str, Any]:
        """Return the job as JSON."""
        position, left = None, self.seconds_left
        if self.state == "queued" and self.entry is not None:
            order = self.lane.order()
            position = order.index(self.entry) if self.entry in order else 0
            left = round((position + 1) * self.lane.average, 1)
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "position": position,
            "progress": self.progress,
            "seconds_left": left,
            "error": self.error,
            "notes": self.notes,
            "result": f"{self.url}/result" if self.state == "done" else None,
            "preview": f"{self.url}/preview?{self.previews}" if self.previews else None,
            "events": f"{self.url}/events",
        }

    def start(self, task: dict[str, Any]) -> None:
        """Put the task into the lane."""
        self.entry = self.ticket.entry(task, self._news, self._started)
        self.runner = asyncio.create_task(self._run(self.entry))

    async def cancel(self) -> None:
        """Stop the job, if it has not ended, and delete its files."""
        if self.runner is not None and not self.runner.done():
            self.runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.runner
        if self.state not in ENDED:  # it was cancelled before its first step
            self.state = "cancelled"
            self.ticket.close()
            self._notify()
        self.folder.remove()

    async def events(self) -> AsyncIterator[bytes]:
        """Yield server-sent events until the job has ended."""
        shown = 0
        while True:
            changed = self._changed
            self.used = time.monotonic()
            if self.previews > shown:
                shown = self.previews
                yield _event("preview", {"url": f"{self.url}/preview?{shown}"})
            if self.state in ENDED:
                yield _event(self.state, self.view())
                return
            yield _event("progress", self.view())
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await changed.wait()
            except TimeoutError:
                yield b": waiting\n\n"

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _started(self) -> None:
        self.state, self._begun = "running", time.monotonic()
        self._notify()

    def _news(self, news: dict[str, Any]) -> None:
        self.progress, self.seconds_left = news["progress"], news["seconds_left"]
        if self.seconds_left is None and self.progress > 0.02:
            elapsed = time.monotonic() - self._begun
            self.seconds_left = elapsed / self.progress * (1 - self.progress)
        if self.seconds_left is not None:
            self.seconds_left = round(self.seconds_left, 1)
        self.previews = max(self.previews, news["preview"])
        self._notify()

    async def _run(self, entry: Entry) -> None:
        state = "cancelled"
        try:
            result = await self.lane.run(entry)
            state, self.notes, self.progress = "done", result.get("notes", []), 1.0
        except ApiError as error:
            state, self.error = ("cancelled" if error.code == "stopping" else "failed"), error.view()
        except asyncio.CancelledError:
            pass
        finally:
            self.ticket.close()
            keep = (self.output, self.finished, self.preview) if state == "done" else (self.preview,)
            try:
                await asyncio.to_thread(_keep_only, self.folder.path, keep)
                self.folder.measure()
            finally:  # A client may fetch or delete the result once it sees this state, so it is set last.
                self.state, self.seconds_left, self.used = state, None, time.monotonic()
                self._notify()


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _keep_only(folder: Path, kept: tuple[Path, ...]) -> None:
    for path in set(folder.iterdir()) - set(kept):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@dataclass(eq=False)
class OwnStyle:
    """A style that a client has made from a picture."""

    name: str
    folder: Folder
    picture: Path
    artwork: Path
    used: float = field(default_factory=time.monotonic)

    def view(self) -> dict[str, Any]:
        """Return the entry for the list of styles."""
        words = {"title": "", "artist": "", "year": "", "kind": "own"}
        return {"name": self.name, **words, "artwork": f"/v1/styles/{self.name}/artwork"}

    def link_into(self, folder: Folder) -> Path:
        """Give the picture a second name in the folder of a request, which outlives the style."""
        self.used = time.monotonic()
        path = folder.path / f"{self.name}{self.picture.suffix}"
        if not path.exists():
            try:
                os.link(self.picture, path)
            except OSError:  # a file system without hard links
                folder.add(self.picture.stat().st_size)
                shutil.copyfile(self.picture, path)
        return path


class Shelf:
    """The jobs and the clients' styles; those that nobody has used for `KEPT` seconds are deleted."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.jobs: dict[str, Job] = {}
        self.styles: dict[str, OwnStyle] = {}
        self._secret = secrets.token_bytes(16)
        storage.make_room = self.make_room

    def add(self, each: Job | OwnStyle) -> None:
        """Keep a job or a style; beyond `MOST`, or half of it by a client, forget the longest unused one."""
        if isinstance(each, Job):
            self.jobs[each.id] = each
        else:
            self.styles[each.name] = each
        everything: list[Job | OwnStyle] = [*self.jobs.values(), *self.styles.values()]
        if sum(other.folder.client == each.folder.client for other in everything) > MOST // 2:
            self.make_room(1, each.folder.client)
        elif len(everything) > MOST:
            self.make_room(1, None)

    def job(self, name: str) -> Job:
        """Return a job; ApiError 404 if there is none."""
        if (job := self.jobs.get(name)) is None:
            raise ApiError(404, "not_found", f"there is no job '{name:.40}'; results are kept for an hour")
        job.used = time.monotonic()
        return job

    def style_name(self, picture: Path) -> str:
        """Return a name that only somebody who has this picture, or the answer, knows: `own-<16 hex>`."""
        with picture.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8, key=self._secret))
        return f"own-{content.hexdigest()}"

    def sweep(self) -> None:
        """Delete what is old."""
        limit = time.monotonic() - KEPT
        for each in self._unused():
            if each.used < limit:
                self._drop(each)

    def make_room(self, count: int, client: str | None) -> None:
        """Delete results and styles of `count` bytes or more, of a client or of all, longest unused first."""
        for each in self._unused():
            if client not in (None, each.folder.client):
                continue
            count -= each.folder.bytes
            self._drop(each)
            if count <= 0:
                return

    def _unused(self) -> list[Job | OwnStyle]:
        """What may be deleted, the longest unused first."""
        ended: list[Job | OwnStyle] = [job for job in self.jobs.values() if job.state in ENDED]
        return sorted([*ended, *self.styles.values()], key=lambda each: each.used)

    async def sweep_for_ever(self) -> None:
        """Sweep every `SWEEP_EVERY` seconds."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            self.sweep()

    async def close(self) -> None:
        """Stop all jobs."""
        await asyncio.gather(*(job.cancel() for job in self.jobs.values()))

    def _drop(self, each: Job | OwnStyle) -> None:
        each.folder.remove()
        if isinstance(each, Job):
            del self.jobs[each.id]
        else:
            del self.styles[each.name]
