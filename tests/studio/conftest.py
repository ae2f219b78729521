"""A studio that runs: the real command on a free port, with the tiny model."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

LIMIT = 120.0  # seconds until a test fails; far more than a busy machine needs


def wait_until(true: Callable[[], object]) -> None:
    """Wait until something is true, or fail."""
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(number: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().split(")")[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def settle() -> None:
    """Let all tasks go on until each waits for something from outside, whatever the time."""
    for _ in range(50):
        await asyncio.sleep(0)


class Running:
    """`restyle studio` as a process of its own.

    Parameters
    ----------
    model : Path
    folder : Path
        Where it keeps its files.
    *flags : str
    """

    def __init__(self, model: Path, folder: Path, *flags: str) -> None:
        words = ["studio", "--port", "0", "--model", str(model), "--threads", "1", "--folder", str(folder)]
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "restyle", *words, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.url = line.split()[2].split("?")[0].rstrip("/")

    def client(self, **more: object) -> httpx.Client:
        """Return a client; `trust_env` is off, so no proxy is asked."""
        return httpx.Client(base_url=self.url, timeout=LIMIT, trust_env=False, **more)  # type: ignore[arg-type]

    def workers(self) -> list[int]:
        """Return the process numbers of the workers."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(word) for path in children for word in path.read_text().split()]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode


@pytest.fixture(scope="session")
def studio(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A studio for all tests."""
    running = Running(tiny_model, tmp_path_factory.mktemp("studio"))
    yield running
    running.stop()


@pytest.fixture
def client(studio: Running) -> Iterator[httpx.Client]:
    """A client of the studio."""
    with studio.client() as made:
        yield made
