"""Worker processes, and the lanes of requests that wait for them.

A `Worker` runs one task at a time in a process of its own (`restyle.studio.process`). It is asked to stop a
task, and killed if it does not do so soon, takes too long, or takes too much memory; the next task gets a
new process. A `Lane` is a bounded queue in front of some workers. Clients take turns, so that one with many
requests does not delay the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from restyle.studio.answers import ApiError

GRACE = 2.0  # seconds in which a task stops that was asked to
LINE = 1 << 24  # most bytes of an answer
START = 120.0  # seconds in which a process has to be ready
AVERAGED = 20  # tasks over which seconds are averaged

News = Callable[[dict[str, Any]], None]


class Worker:
    """A worker process, started when it is needed.

    Parameters
    ----------
    settings : dict
        See `process.Process` and `process.limit_resources`.
    """

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
        """Start the process, unless it runs, and wait until it is ready.

        Raises
        ------
        ApiError
            503: it cannot be started.
        """
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
                env={"MALLOC_ARENA_MAX": "2", "OMP_WAIT_POLICY": "PASSIVE", **os.environ},
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

        Parameters
        ----------
        task : dict
            See `restyle.studio.process`.
        seconds : float
            It is killed after this time.
        news : function of one dict
            Takes `progress`, `seconds_left` and `preview`.

        Raises
        ------
        ApiError
            The task failed, took too long, or ended its process.
        asyncio.CancelledError
            After the task has stopped.
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
            raise ApiError(
                422, "too_slow", f"took more than {seconds:g} s, the limit of this server, and was stopped"
            ) from None
        except Ended:
            await self.stop()
            raise ApiError(
                422,
                "worker_ended",
                "the worker ended while it worked on this; it may be damaged, or need more than the"
                f" {self.settings['memory'] >> 20} MB of memory that a worker may take",
            ) from None
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
        if process is None or process.stdout is None:
            raise Ended
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Ended
        answer: dict[str, Any] = json.loads(line)
        return answer


class Ended(Exception):  # noqa: N818
    """The worker process has ended."""


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
        self.name, self.workers, self.places, self.seconds = name, list(workers), places, seconds
        self.refused = self.finished = 0
        self.closed = False
        self._idle = deque(self.workers)
        self._waiting: dict[str, deque[Entry]] = {}
        self._admitted: dict[str, int] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._durations: deque[float] = deque(maxlen=AVERAGED)

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
        total, own = sum(self._admitted.values()), self._admitted.get(client, 0)
        if total >= self.places or own >= max(1, self.places // 2):
            self.refused += 1
            ahead = max(1, self.waiting + self.running)
            wait = round(min(600.0, max(1.0, ahead * self.average / len(self.workers))))
            whose = "the queue is full" if total >= self.places else f"{own} requests of yours are waiting"
            raise ApiError(429, "busy", f"{whose}; try again in {wait} s", headers={"Retry-After": str(wait)})
        self._admitted[client] = own + 1
        return Ticket(self, client)

    def leave(self, client: str) -> None:
        """Give back a place."""
        self._admitted[client] -= 1
        if not self._admitted[client]:
            del self._admitted[client]

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
            client, queue = next(iter(self._waiting.items()))
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
            self._durations.append(time.monotonic() - begun)
            self._idle.append(worker)
            self._pump()


class Ticket:
    """One place in a lane; close it, or use it in a `with` block."""

    def __init__(self, lane: Lane, client: str) -> None:
        self.lane, self.client = lane, client
        self._open = True

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the place back."""
        if self._open:
            self._open = False
            self.lane.leave(self.client)

    def entry(
        self,
        task: dict[str, Any],
        news: News = lambda answer: None,
        started: Callable[[], None] = lambda: None,
    ) -> Entry:
        """Return a task for `Lane.run`; `started` is called when it leaves the queue."""
        return Entry(self.client, task, news, started, asyncio.get_running_loop().create_future())

    async def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run a task and return its result."""
        return await self.lane.run(self.entry(task))
