"""The servers that are measured, and other helpers, as processes of their own that end with the benchmark.

They are stopped at the end of a `with` block, at the exit of the interpreter, and by SIGTERM and SIGHUP, with
all processes that they have started.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
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
        return _family(self.pid)

    def memory(self) -> float:
        """Return the memory of the family in MB, with shared pages divided among their users."""
        total = 0
        for pid in self.family():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def processor_seconds(self, *, alone: bool = False) -> float:
        """Return the processor time that the family, or the process `alone`, has taken."""
        ticks = 0
        for pid in [self.pid] if alone else self.family():
            fields = _state(pid)
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """Return a process and its children; nothing if it is gone."""
    children = list(Path(f"/proc/{pid}/task").glob("*/children"))
    return [pid, *(int(word) for path in children for word in path.read_text().split())] if children else []


def _state(pid: int) -> list[str]:
    """Return the fields of a process's state after its name; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _born(pid: int) -> str:
    """Return when a process has started: another process with its number has another time."""
    return "".join(_state(pid)[19:20])


_started: list[subprocess.Popen[str]] = []


def start(*words: str) -> tuple[subprocess.Popen[str], str]:
    """Start a Python process and return it with the first line that it prints."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the benchmark, which stops it
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    _started.append(process)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        stop(process)
        raise RuntimeError(f"{' '.join(words)} ended with exit code {process.returncode}")
    return process, line


def stop(process: subprocess.Popen[str]) -> None:
    """End a process and all of its family: kindly, then surely."""
    if process in _started:
        _started.remove(process)
    family = [(pid, _born(pid)) for pid in _family(process.pid)]
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(15)
    for pid, born in family:
        if born and _born(pid) == born:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def stop_all(*_: object) -> None:
    """Stop whatever is left."""
    for process in list(_started):
        stop(process)


def stop_at_the_end() -> None:
    """Stop all processes at the exit, and exit at SIGTERM and SIGHUP."""
    atexit.register(stop_all)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))


@contextmanager
def running(name: str, words: tuple[str, ...], route: str, *flags: str) -> Iterator[Process]:
    """Start a server that prints its address as the third word of its first line, and stop it at the end."""
    process, line = start(*words, *flags)
    try:
        yield Process(name, line.split()[2].rstrip("/"), route, process.pid)
    finally:
        stop(process)


@contextmanager
def helper(name: str, *words: str) -> Iterator[Process]:
    """Start another process that prints a line when it is ready, and stop it at the end."""
    process, _ = start(*words)
    try:
        yield Process(name, "", "", process.pid)
    finally:
        stop(process)


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
