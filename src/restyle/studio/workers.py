"""Worker processes, seen from the server.

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
from collections.abc import Callable
from typing import Any

from restyle.studio.answers import ApiError

GRACE = 5.0  # seconds in which a task stops that was asked to; a new process takes seconds, too
LINE = 1 << 24  # most bytes of an answer
TOKEN = "RESTYLE_TOKEN"  # a worker decodes what strangers send, and needs no token
START = 120.0  # seconds in which a process has to be ready

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
