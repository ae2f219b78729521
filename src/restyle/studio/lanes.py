"""Bounded queues of requests that wait for workers.

A `Lane` stands in front of some workers. Its places are limited, and clients take turns, so that one with
many requests does not delay the others. A client that leaves before its answer loses a turn, if others wait:
the work on its request was in vain.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from restyle.studio.answers import ApiError
from restyle.studio.workers import GRACE, News, Worker

AVERAGED = 20  # tasks over which seconds are averaged
MOST_SKIPS = 4  # turns that a client loses at most for requests that it has left


class Places:
    """A number of places, of which one client may have half.

    When all are taken, clients that have none still get one each, until twice the number is taken: a few
    clients that fill the queue do not keep the others out.
    """

    def __init__(self, total: int) -> None:
        self.total, self.refused = total, 0
        self._taken: dict[str, int] = {}

    def admit(self, client: str, wait: float = 1.0) -> Place:
        """Take a place, which has to be closed.

        Raises
        ------
        ApiError
            429: all are taken, or half of them by this client alone; `Retry-After` is `wait` seconds.
        """
        total, own = sum(self._taken.values()), self._taken.get(client, 0)
        full = total >= (self.total if own else 2 * self.total)
        if full or own >= max(1, self.total // 2):
            self.refused += 1
            seconds = round(min(600.0, max(1.0, wait)))
            whose = "the queue is full" if full else f"{own} requests of yours are waiting"
            headers = {"Retry-After": str(seconds)}
            raise ApiError(429, "busy", f"{whose}; try again in {seconds} s", headers=headers)
        self._taken[client] = own + 1
        return Place(self, client)

    def leave(self, client: str) -> None:
        """Give back a place."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]

    @property
    def free(self) -> bool:
        """Whether nobody has a place."""
        return not self._taken


class Place:
    """A place that a client has; close it, or use it in a `with` block."""

    def __init__(self, places: Places, client: str) -> None:
        self._places, self._client, self._open = places, client, True

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it back."""
        if self._open:
            self._open = False
            self._places.leave(self._client)


@dataclass(eq=False)
class Entry:
    """A task in a lane."""

    client: str
    task: dict[str, Any]
    news: News
    started: Callable[[], None]
    result: asyncio.Future[dict[str, Any]]
    runner: asyncio.Task[None] | None = field(default=None, repr=False)


class Lane:
    """A bounded queue in front of workers.

    Parameters
    ----------
    name : str
        For metrics.
    workers : sequence of Worker
    places : int
        Most requests at a time, waiting and running; one client may have half of them.
    seconds : float
        Most seconds of a task.
    """

    def __init__(self, name: str, workers: Sequence[Worker], places: int, seconds: float) -> None:
        self.name, self.workers, self.seconds = name, list(workers), seconds
        self.finished = 0
        self.closed = False
        self._places = Places(places)
        self._idle = deque(self.workers)
        self._waiting: dict[str, deque[Entry]] = {}
        self._skips: dict[str, int] = {}  # turns that clients lose
        self._running: set[asyncio.Task[None]] = set()
        self._durations: deque[float] = deque(maxlen=AVERAGED)

    @property
    def places(self) -> int:
        """Most requests at a time."""
        return self._places.total

    @property
    def refused(self) -> int:
        """Number of requests that were refused."""
        return self._places.refused

    @property
    def waiting(self) -> int:
        """Number of tasks that wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def running(self) -> int:
        """Number of tasks that run."""
        return len(self._running)

    @property
    def average(self) -> float:
        """Average seconds of the latest tasks; 1 before the first."""
        return sum(self._durations) / len(self._durations) if self._durations else 1.0

    def admit(self, client: str) -> Ticket:
        """Return a ticket for one request of a client; it has to be closed.

        Raises
        ------
        ApiError
            429 with `Retry-After`: all places, or half of them by this client, are taken. 503: the server
            is shutting down.
        """
        if self.closed:
            raise ApiError(503, "stopping", "the server is shutting down; try again later")
        ahead = max(1, self.waiting + self.running)
        return Ticket(self, client, self._places.admit(client, ahead * self.average / len(self.workers)))

    def order(self) -> list[Entry]:
        """Return the waiting tasks in the order in which they will run: clients take turns."""
        queues = [list(queue) for queue in self._waiting.values()]
        longest = max(map(len, queues), default=0)
        return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]

    async def run(self, entry: Entry) -> dict[str, Any]:
        """Run a task when its turn comes. Cancelling this removes or stops it."""
        if self.closed:
            raise ApiError(503, "stopping", "the server is shutting down; try again later")
        self._waiting.setdefault(entry.client, deque()).append(entry)
        self._pump()
        try:
            return await entry.result
        except asyncio.CancelledError:
            queue = self._waiting.get(entry.client)
            if queue is not None and entry in queue:
                queue.remove(entry)
                if not queue:
                    del self._waiting[entry.client]
            elif entry.runner is not None:
                entry.runner.cancel()
            raise

    async def close(self, grace: float) -> None:
        """Refuse what waits, give what runs `grace` seconds to end, and stop the workers."""
        self.closed = True
        for entry in self.order():
            if not entry.result.done():
                entry.result.set_exception(
                    ApiError(503, "stopping", "the server is shutting down; try again later")
                )
        self._waiting.clear()
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=2 * GRACE)
        for worker in self.workers:
            await worker.stop()

    def _pump(self) -> None:
        """Give the next tasks to idle workers."""
        while self._idle and self._waiting:
            client = self._next()
            queue = self._waiting[client]
            entry = queue.popleft()
            del self._waiting[client]
            if queue:
                self._waiting[client] = queue  # to the end: the other clients are next
            if entry.result.done():
                continue
            task = asyncio.create_task(self._serve(self._idle.popleft(), entry))
            entry.runner = task
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def left(self, client: str) -> None:
        """Count a request that its client did not wait for."""
        self._skips[client] = min(MOST_SKIPS, self._skips.get(client, 0) + 1)

    def _next(self) -> str:
        """Return the client whose turn it is. Those that lose it go to the end."""
        for client in list(self._waiting):
            if not self._skips.get(client):
                return client
            self._skips[client] -= 1
            self._waiting[client] = self._waiting.pop(client)
        return next(iter(self._waiting))

    async def _serve(self, worker: Worker, entry: Entry) -> None:
        begun = time.monotonic()
        try:
            entry.started()
            result = await worker.run(entry.task, self.seconds, entry.news)
            if not entry.result.done():
                entry.result.set_result(result)
        except asyncio.CancelledError:
            if not entry.result.done():
                entry.result.set_exception(ApiError(503, "stopping", "the server is shutting down"))
        except Exception as error:  # noqa: BLE001, it belongs to the request
            if not entry.result.done():
                entry.result.set_exception(error)
        finally:
            self.finished += 1
            if not self._waiting:
                self._skips.clear()
            self._durations.append(time.monotonic() - begun)
            self._idle.append(worker)
            self._pump()


class Ticket:
    """One place in a lane; close it, or use it in a `with` block."""

    def __init__(self, lane: Lane, client: str, place: Place) -> None:
        self.lane, self.client, self._place = lane, client, place

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the place back."""
        self._place.close()

    def entry(
        self,
        task: dict[str, Any],
        news: News = lambda answer: None,
        started: Callable[[], None] = lambda: None,
    ) -> Entry:
        """Return a task for `Lane.run`; `started` is called when it leaves the queue."""
        return Entry(self.client, task, news, started, asyncio.get_running_loop().create_future())

    async def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run a task for a client that waits, and return its result."""
        try:
            return await self.lane.run(self.entry(task))
        except asyncio.CancelledError:
            self.lane.left(self.client)
            raise
