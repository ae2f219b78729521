"""Bounded queues of requests that wait for workers, and the worker processes.

A `Lane` stands in front of some workers. Its places are limited, and clients take turns, so that one with
many requests does not delay the others. A client that leaves before its answer loses a turn, if others wait:
the work on its request was in vain.

A `Worker` runs one task at a time in a process of its own (`restyle.studio.process`). It is asked to stop a
task, and killed if it does not do so soon, takes too long, or takes too much memory; the next task gets a
new process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from restyle.files import Closing
from restyle.studio import ApiError

AVERAGED = 20  # tasks over which seconds are averaged
MOST_SKIPS = 4  # turns that a client loses at most for requests that it has left
GRACE = 5.0  # seconds in which a task stops that was asked to; a new process takes seconds, too
LINE = 1 << 24  # most bytes of an answer
TOKEN = "RESTYLE_TOKEN"  # a worker decodes what strangers send, and needs no token
START = 120.0  # seconds in which a process has to be ready

News = Callable[[dict[str, Any]], None]


class Places:
    """A number of places, of which one client may have half.

    When all are taken, clients that have none still get one each, until twice the number is taken: a few
    clients that fill the queue do not keep the others out.
    """

    def __init__(self, total: int) -> None:
        self.total, self.refused = total, 0
        self.taken: dict[str, int] = {}

    def take(self, client: str, wait: float) -> None:
        """Take a place; ApiError 429 if all are taken, or half of them by this client alone."""
        total, own = sum(self.taken.values()), self.taken.get(client, 0)
        full = total >= (self.total if own else 2 * self.total)
        if full or own >= max(1, self.total // 2):
            self.refused += 1
            seconds = round(min(600.0, max(1.0, wait)))
            whose = "the queue is full" if full else f"{own} requests of yours are waiting"
            headers = {"Retry-After": str(seconds)}
            raise ApiError(429, "busy", f"{whose}; try again in {seconds} s", headers=headers)
        self.taken[client] = own + 1

    def leave(self, client: str) -> None:
        """Give back a place."""
        self.taken[client] -= 1
        if not self.taken[client]:
            del self.taken[client]


class Place(Closing):
    """A place that a client has; close it, or use it in a `with` block.

    ApiError 429: there is none; `Retry-After` is `wait` seconds.
    """

    def __init__(self, places: Places, client: str, wait: float = 1.0) -> None:
        places.take(client, wait)
        self.client, self._places, self._open = client, places, True

    def close(self) -> None:
        """Give it back."""
        if self._open:
            self._open = False
            self._places.leave(self.client)


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
    """A bounded queue in front of workers; `name` is for metrics.

    `places` limits the requests that wait or run, `seconds` the time of one task.
    """

    def __init__(self, name: str, workers: Sequence[Worker], places: int, seconds: float) -> None:
        self.name, self.workers, self.seconds = name, list(workers), seconds
        self.finished = 0
        self.closed = False
        self.places = Places(places)
        self._idle = deque(self.workers)
        self._waiting: dict[str, deque[Entry]] = {}
        self.skips: Counter[str] = Counter()  # turns that clients lose
        self.running: set[asyncio.Task[None]] = set()
        self._durations: deque[float] = deque(maxlen=AVERAGED)

    @property
    def waiting(self) -> int:
        """Number of tasks that wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def average(self) -> float:
        """Average seconds of the latest tasks; 1 before the first."""
        return sum(self._durations) / len(self._durations) if self._durations else 1.0

    def admit(self, client: str) -> Ticket:
        """Return a ticket for one request of a client, which has to be closed; ApiError 429 or 503."""
        if self.closed:
            raise _stopping()
        ahead = max(1, self.waiting + len(self.running))
        return Ticket(self, client, ahead * self.average / len(self.workers))

    def order(self) -> list[Entry]:
        """Return the waiting tasks in the order in which they will run: clients take turns."""
        queues = [list(queue) for queue in self._waiting.values()]
        longest = max(map(len, queues), default=0)
        return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]

    async def run(self, entry: Entry) -> dict[str, Any]:
        """Run a task when its turn comes. Cancelling this removes or stops it."""
        if self.closed:
            raise _stopping()
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
                entry.result.set_exception(_stopping())
        self._waiting.clear()
        if self.running:
            await asyncio.wait(self.running, timeout=grace)
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.wait(self.running, timeout=2 * GRACE)
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
            entry.runner = asyncio.create_task(self._serve(self._idle.popleft(), entry))
            self.running.add(entry.runner)
            entry.runner.add_done_callback(self.running.discard)

    def _next(self) -> str:
        """Return the client whose turn it is. Those that lose it go to the end."""
        for client in list(self._waiting):
            if not self.skips[client]:
                return client
            self.skips[client] -= 1
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
                self.skips.clear()
            self._durations.append(time.monotonic() - begun)
            self._idle.append(worker)
            self._pump()


def _stopping() -> ApiError:
    return ApiError(503, "stopping", "the server is shutting down; try again later")


class Ticket(Place):
    """One place in a lane."""

    def __init__(self, lane: Lane, client: str, wait: float) -> None:
        super().__init__(lane.places, client, wait)
        self.lane = lane

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
            skips = self.lane.skips
            skips[self.client] = min(MOST_SKIPS, skips[self.client] + 1)
            raise


class Worker:
    """A worker process, started when it is needed; for `settings` see `process.Process`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.starts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Number of the process; None if it does not run."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def start(self) -> None:
        """Start the process, unless it runs, and wait until it is ready; ApiError 503 if that fails."""
        async with self._starting:
            if self.pid is not None:
                return
            self.starts += 1
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "restyle.studio.process",
                json.dumps(self.settings),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE,
                env={"MALLOC_ARENA_MAX": "2", "OMP_WAIT_POLICY": "PASSIVE", **os.environ, TOKEN: ""},
                start_new_session=True,  # Ctrl-C in the terminal is for the server
            )
            try:
                async with asyncio.timeout(START):
                    await self._answer()
            except (TimeoutError, Ended):
                await self.stop()
                raise ApiError(503, "worker", "a worker process could not be started; see the log") from None

    async def run(self, task: dict[str, Any], seconds: float, news: News) -> dict[str, Any]:
        """Run a task and return its result.

        It is killed after `seconds`; `news` takes dicts of `progress`, `seconds_left` and `preview`.

        ApiError: it failed, took too long, or ended its process. CancelledError comes after it has stopped.
        """
        await self.start()
        self._number += 1
        number = self._number
        try:
            async with asyncio.timeout(seconds):
                await self._send({**task, "id": number})
                while True:
                    answer = await self._answer()
                    if answer.get("id") != number:
                        continue
                    if "done" in answer:
                        result: dict[str, Any] = answer["done"]
                        return result
                    if "error" in answer:
                        raise ApiError.of_task(answer["error"])
                    news(answer)
        except TimeoutError:
            await self.stop()
            why = f"took more than {seconds:g} s, the limit of this server, and was stopped"
            raise ApiError(422, "too_slow", why) from None
        except Ended:
            await self.stop()
            why = (
                "the worker ended while it worked on this; it may be damaged, or need more than the"
                f" {self.settings['memory'] >> 20} MB of memory that a worker may take"
            )
            raise ApiError(422, "worker_ended", why) from None
        except asyncio.CancelledError:
            await self._interrupt(number)
            raise

    async def stop(self) -> None:
        """Kill the process, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()

    async def _interrupt(self, number: int) -> None:
        """Ask the process to stop a task; kill it if it does not."""
        try:
            async with asyncio.timeout(GRACE):
                await self._send({"cancel": number})
                while True:
                    answer = await self._answer()
                    if answer.get("id") == number and ("done" in answer or "error" in answer):
                        return
        except (TimeoutError, Ended):
            await self.stop()

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()
        except OSError:
            raise Ended from None

    async def _answer(self) -> dict[str, Any]:
        process = self._process
        line = b"" if process is None or process.stdout is None else await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Ended
        answer: dict[str, Any] = json.loads(line)
        return answer


class Ended(Exception):  # noqa: N818
    """The worker process has ended."""
