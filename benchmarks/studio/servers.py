"""The servers that are measured: the studio, and one in the shape of rembg's, as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STUDIO = ("-m", "restyle", "studio", "--port", "0")
PEER = ("-m", "benchmarks.studio.peer")


@dataclass(frozen=True)
class Process:
    """A server that runs.

    Parameters
    ----------
    name, url : str
    route : str
        Where a picture is posted.
    pid : int
    """

    name: str
    url: str
    route: str
    pid: int

    def family(self) -> list[int]:
        """Return the numbers of the process and of its children."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [self.pid, *(int(word) for path in children for word in path.read_text().split())]

    def memory(self) -> float:
        """Return the memory of the family in MB, with shared pages divided among their users."""
        total = 0
        for pid in self.family():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def processor_seconds(self) -> float:
        """Return the processor time that the family has taken."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(name: str, words: tuple[str, ...], route: str, *flags: str) -> Iterator[Process]:
    """Start a server that prints its address as the third word of its first line, and stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, *words, *flags],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[2].rstrip("/")
        yield Process(name, url, route, process.pid)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def seconds_to_ready(words: tuple[str, ...], path: str) -> float:
    """Return the seconds from the start of a server to its first answer."""
    import httpx

    begun = time.perf_counter()
    with running("start", words, path) as server:
        while True:
            try:
                if httpx.get(server.url + path, trust_env=False, timeout=60).status_code == 200:
                    return time.perf_counter() - begun
            except httpx.TransportError:
                time.sleep(0.01)
