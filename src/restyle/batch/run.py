"""Run a batch: rows to an engine, finished results to the journal and into place, events to the caller."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any

from restyle.batch.journal import Finished, Journal, is_finished, read_finished
from restyle.batch.lists import check_inside
from restyle.batch.painter import Outcome, Painter, Settings, check_target, guarded, row_key
from restyle.batch.rows import Failure, Medium, Row
from restyle.errors import OutputError, RestyleError
from restyle.files import check_readable
from restyle.images.looks import load_look
from restyle.models.catalog import file_sha256
from restyle.models.session import cores, free_memory
from restyle.models.style_files import is_path, split_weight

TRIES = 2  # of a row whose worker dies
WORKER_BYTES = 2_500_000_000  # peak with 16 megapixels by fast: 1.7 GB; by paint: 1.9 GB and more
LEFT_FREE = 500_000_000  # bytes, for other programs
WINDOW = 64  # finished rows over which the rate is measured

Engine = Callable[[Sequence[Row], Journal], Generator[list[Outcome], None, None]]
Watch = Callable[[Outcome, "Progress"], None]
MakePainter = Callable[[Settings], Callable[[Row, Finished | None], Outcome]]


@dataclass
class Progress:
    """Counts and rate of a running batch."""

    total: int  # rows of this shard
    counts: Counter[str] = field(default_factory=Counter)
    begun: float = field(default_factory=time.monotonic)
    _ends: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def count(self, state: str) -> None:
        """Count a row."""
        self.counts[state] += 1
        if state == "done":
            self._ends.append(time.monotonic())

    @property
    def settled(self) -> int:
        """Rows that need no more work."""
        return sum(self.counts.values())

    @property
    def per_second(self) -> float:
        """Results per second, over the last `WINDOW` ones; 0 if unknown."""
        first = self._ends[0] if len(self._ends) == WINDOW else self.begun
        elapsed = time.monotonic() - first
        return len(self._ends) / elapsed if self._ends and elapsed > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time left; None if unknown."""
        rate = self.per_second
        return (self.total - self.settled) / rate if rate else None


def run(
    rows: Sequence[Row | Failure],
    journal: Journal,
    engine: Engine,
    overwrite: bool = False,
    watch: Watch = lambda outcome, progress: None,
) -> Progress:
    """Do all rows that are not finished, and return the counts; OutputError if the journal cannot be written.

    The engine yields outcomes in groups, as `run_processes` does; `watch` is called for each row.
    """
    progress = Progress(len(rows))
    bad = [each for each in rows if isinstance(each, Failure)]
    journal.fail(bad)
    for failure in bad:
        progress.count("failed")
        row = Row(failure.number, "", failure.content, "picture", (), (), (), "", "")
        watch(Outcome(row, "failed", failure.reason), progress)
    good = [each for each in rows if isinstance(each, Row)]
    with closing(engine(good, journal)) as groups:
        for group in groups:
            journal.enter(each.entry for each in group if each.entry is not None)
            settled = [_put_in_place(each, journal, overwrite) for each in group]
            failed = [each for each in settled if each.state == "failed"]
            journal.fail(Failure(each.row.number, each.row.content, each.reason) for each in failed)
            for outcome in settled:
                progress.count(outcome.state)
                watch(outcome, progress)
    return progress


def _put_in_place(outcome: Outcome, journal: Journal, overwrite: bool) -> Outcome:
    """Move a finished result from the work folder; a failure is the outcome."""
    if outcome.staged:
        try:
            journal.publish(outcome.staged, outcome.row.output, overwrite)
        except OutputError as error:
            return Outcome(outcome.row, "failed", str(error), notes=outcome.notes)
    return outcome


@dataclass(frozen=True)
class Estimate:
    """Result of a dry run: numbers of rows, and the time for those that are left."""

    finished: int
    failed: int
    left: int
    seconds: float | None  # from the rows that are finished; None if none is


def estimate(
    rows: Sequence[Row | Failure], output: Path, workers: int, overwrite: bool = False
) -> tuple[list[tuple[str, str]], Estimate]:
    """Check which rows are finished, without painting.

    Returns "finished", "left", or "failed" and why, for each row; and the sums.
    """
    entries = read_finished(output)

    def check(row: Row | Failure) -> tuple[str, str]:
        if isinstance(row, Failure):
            return "failed", row.reason
        checked = guarded(row, lambda: _check(row, entries.get(row.output), output, overwrite))
        return {"done": "left", "skipped": "finished", "failed": "failed"}[checked.state], checked.reason

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(check, rows))
    states = [state for state, _ in found]
    times = [each.seconds for each in entries.values()]
    left = states.count("left")
    seconds = statistics.fmean(times) * left / workers if times and left else None
    return found, Estimate(states.count("finished"), states.count("failed"), left, seconds)


def _check(row: Row, earlier: Finished | None, folder: Path, overwrite: bool) -> Outcome:
    """Tell whether a row can and has to be done, as `Painter.paint`, but without writing anything."""
    target, remote = folder / row.output, "://" in row.content
    if not remote:
        check_readable(row.content)
        if earlier is not None and is_finished(earlier, row_key(row, file_sha256(Path(row.content))), target):
            return Outcome(row, "skipped")
    if (look := dict(row.options).get("look")) is not None:
        load_look(look)
    needed = not row.regions and look is None
    for text in row.styles or ([""] if needed else []):
        if problem := _style_problem(split_weight(text)[0], row.medium, row.model):
            raise RestyleError(problem)
    check_inside(folder, target)
    if target.parent.is_dir():
        check_target(row, earlier, folder, overwrite=overwrite)
    return Outcome(row, "done")


@lru_cache(maxsize=4096)
def _style_problem(name: str, medium: Medium, model: str) -> str:
    """Say what is wrong with the name of a style, or with none (""); pictures are not read."""
    from restyle.sounds.sources import preset_path
    from restyle.style import resolve, resolve_all

    try:
        if not name:
            resolve_all(None, model=model)
        elif is_path(name) or os.path.lexists(name):
            check_readable(name)
        elif medium == "sound":
            preset_path(name)
        else:
            resolve(name, model=model)
    except RestyleError as error:
        return str(error)
    return ""


def default_workers(rows: int, threads: int | None = None, each: int = WORKER_BYTES) -> int:
    """Return how many workers cores and free memory allow, but not more than rows.

    A worker has so many `threads`, or one, and needs `each` bytes.
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

    `finished` are entries of the journal by output. Each of the `workers` calls `make_painter` once; one that
    dies is replaced, and its row is tried once more.
    """
    waiting = iter(rows)
    tries: Counter[int] = Counter()
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
                    tries[row.number] += 1
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
    if hasattr(os, "nice"):
        os.nice(5)  # other programs go first
    painter = make_painter(settings)
    while True:
        try:
            row, earlier = pipe.recv()
            pipe.send(painter(row, earlier))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
