"""Worker processes of this machine. A worker that dies is replaced, and its row is tried once more."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from typing import Any

from restyle.batch.journal import Finished
from restyle.batch.painter import Outcome, Painter, Settings
from restyle.batch.rows import Row
from restyle.models.session import cores, free_memory

TRIES = 2  # of a row whose worker dies
WORKER_BYTES = 2_500_000_000  # peak with 16 megapixels by fast: 1.7 GB; by paint: 1.9 GB and more
LEFT_FREE = 500_000_000  # bytes, for other programs

MakePainter = Callable[[Settings], Callable[[Row, Finished | None], Outcome]]


def default_workers(rows: int, threads: int | None = None, each: int = WORKER_BYTES) -> int:
    """Return how many workers cores and free memory allow, but not more than rows.

    Parameters
    ----------
    rows : int
    threads : int or None
        Threads of each worker; None: one.
    each : int
        Bytes that a worker needs.
    """
    workers = cores() // (threads or 1)
    if (free := free_memory()) is not None:
        workers = min(workers, (free - LEFT_FREE) // each)
    return max(1, min(workers, rows))


@dataclass
class _Worker:
    """A process, its end of the pipe, and the row that it paints."""

    process: Any
    pipe: Any
    row: Row | None = None


def run_processes(
    rows: Sequence[Row],
    finished: Mapping[str, Finished],
    settings: Settings,
    workers: int,
    make_painter: MakePainter = Painter,
) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of all rows, in groups, in the order in which they end.

    Parameters
    ----------
    rows : sequence of Row
    finished : mapping of str to Finished
        Entries of the journal by output.
    settings : Settings
    workers : int
        Number of processes.
    make_painter : function
        Called once in each process.
    """
    waiting = iter(rows)
    tries: dict[int, int] = {}
    again: list[Row] = []
    pool: list[_Worker] = []

    def give(worker: _Worker) -> bool:
        """Send the next row; False if there is none."""
        worker.row = again.pop() if again else next(waiting, None)
        if worker.row is not None:
            with suppress(OSError):  # it has died, which `recv` will find
                worker.pipe.send((worker.row, finished.get(worker.row.output)))
        return worker.row is not None

    def hire() -> None:
        worker = _start(settings, make_painter)
        pool.append(worker)
        if not give(worker):
            dismiss(worker)

    def dismiss(worker: _Worker) -> None:
        worker.pipe.close()
        worker.process.join()
        pool.remove(worker)

    try:
        for _ in range(min(workers, len(rows))):
            hire()
        while pool:
            ready = set(connection.wait([worker.pipe for worker in pool]))
            outcomes = []
            for worker in [each for each in pool if each.pipe in ready]:
                assert worker.row is not None
                try:
                    outcomes.append(worker.pipe.recv())
                except (EOFError, OSError):  # it was killed
                    row = worker.row
                    dismiss(worker)
                    tries[row.number] = tries.get(row.number, 0) + 1
                    if tries[row.number] < TRIES:
                        again.append(row)
                    else:
                        outcomes.append(Outcome(row, "failed", _died(row, worker.process.exitcode)))
                    hire()
                    continue
                if not give(worker):
                    dismiss(worker)
            if outcomes:
                yield outcomes
    finally:
        for worker in pool:
            worker.process.terminate()
        for worker in pool:
            worker.process.join()


def _died(row: Row, code: int | None) -> str:
    if code == -signal.SIGKILL:
        return f"{row.content}: its process was killed twice, probably for memory; use fewer --workers"
    return f"{row.content}: its process ended twice with exit code {code}"


def _start(settings: Settings, make_painter: MakePainter) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, settings, make_painter), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _serve(pipe: Any, settings: Settings, make_painter: MakePainter) -> None:
    """Paint the rows that come through the pipe, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with_low_priority()
    painter = make_painter(settings)
    while True:
        try:
            row, earlier = pipe.recv()
            pipe.send(painter(row, earlier))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def with_low_priority() -> None:
    """Let other programs go first."""
    if hasattr(os, "nice"):
        os.nice(5)
