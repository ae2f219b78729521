"""What the server keeps for an hour: jobs with their results, and styles that clients have made."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restyle.studio import finished
from restyle.studio.answers import ApiError, event
from restyle.studio.lanes import Entry, Lane, Ticket
from restyle.studio.storage import Folder, Storage

KEPT = 3600.0  # seconds since the last use
HEARTBEAT = 15.0  # seconds between two comments of a quiet stream of events
SWEEP_EVERY = 60.0  # seconds
MOST = 5000  # jobs and styles
ENDED = ("done", "failed", "cancelled")

Convert = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(eq=False)
class Job:
    """One task whose client does not wait for the answer.

    Parameters
    ----------
    kind : "image", "video" or "audio"
    lane, ticket : Lane, Ticket
    folder : Folder
        With the inputs, and later the result.
    output : Path
    media_type, filename : str
        Of the result.
    quality : int or None
        Of the result in another lossy format.
    """

    kind: str
    lane: Lane
    ticket: Ticket
    folder: Folder
    output: Path
    media_type: str
    filename: str
    quality: int | None = None
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
        return self.folder.path / finished.NAME

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
                yield event("preview", {"url": f"{self.url}/preview?{shown}"})
            if self.state in ENDED:
                yield event(self.state, self.view())
                return
            yield event("progress", self.view())
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


def _keep_only(folder: Path, kept: tuple[Path, ...]) -> None:
    for path in folder.iterdir():
        if path in kept:
            continue
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
        url = f"/v1/styles/{self.name}/artwork"
        words = {"title": "", "artist": "", "year": ""}
        return {"name": self.name, **words, "kind": "own", "artwork": url}

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
        if name not in self.jobs:
            raise ApiError(404, "not_found", f"there is no job '{name:.40}'; results are kept for an hour")
        job = self.jobs[name]
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
        for job in [job for job in self.jobs.values() if job.state in ENDED and job.used < limit]:
            self._drop(job)
        for style in [style for style in self.styles.values() if style.used < limit]:
            self._drop(style)

    def make_room(self, count: int, client: str | None) -> None:
        """Delete results and styles of `count` bytes or more, of a client or of all, longest unused first."""
        ended: list[Job | OwnStyle] = [job for job in self.jobs.values() if job.state in ENDED]
        for each in sorted([*ended, *self.styles.values()], key=lambda each: each.used):
            if client not in (None, each.folder.client):
                continue
            count -= each.folder.bytes
            self._drop(each)
            if count <= 0:
                return

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
