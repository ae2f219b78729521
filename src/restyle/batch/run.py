"""Run a batch: rows to an engine, finished results to the journal and into place, events to the caller."""

from __future__ import annotations

import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from restyle.batch.check import is_left
from restyle.batch.journal import Journal, read_finished
from restyle.batch.painter import Outcome, guarded
from restyle.batch.rows import Failure, Row
from restyle.errors import OutputError

WINDOW = 64  # finished rows over which the rate is measured

Engine = Callable[[Sequence[Row], Journal], Generator[list[Outcome], None, None]]
Watch = Callable[[Outcome, "Progress"], None]


@dataclass
class Progress:
    """Counts and rate of a running batch.

    Parameters
    ----------
    total : int
        Rows of this shard.
    """

    total: int
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
    """Do all rows that are not finished, and return the counts.

    Parameters
    ----------
    rows : sequence of Row or Failure
    journal : Journal
    engine : function of rows and journal
        Yields outcomes in groups; see `processes.run_processes`.
    overwrite : bool
        Whether results may replace existing files.
    watch : function of an `Outcome` and the `Progress`
        Called for each row.

    Raises
    ------
    OutputError
        The journal cannot be written.
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
    """Result of a dry run.

    Parameters
    ----------
    finished, failed, left : int
        Rows.
    seconds : float or None
        Time for the rows that are left, from those that are finished; None if none is.
    """

    finished: int
    failed: int
    left: int
    seconds: float | None


def estimate(
    rows: Sequence[Row | Failure], output: Path, workers: int, overwrite: bool = False
) -> tuple[list[tuple[str, str]], Estimate]:
    """Check which rows are finished, without painting.

    Returns
    -------
    list of (state, reason), Estimate
        "finished", "left", or "failed" and why, for each row; and the sums.
    """
    entries = read_finished(output)

    def check(row: Row | Failure) -> tuple[str, str]:
        if isinstance(row, Failure):
            return "failed", row.reason
        left = guarded(
            row,
            lambda: Outcome(
                row,
                "done" if is_left(row, entries.get(row.output), output, overwrite=overwrite) else "skipped",
            ),
        )
        return {"done": "left", "skipped": "finished", "failed": "failed"}[left.state], left.reason

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(check, rows))
    states = [state for state, _ in found]
    times = [each.seconds for each in entries.values()]
    left = states.count("left")
    seconds = statistics.fmean(times) * left / workers if times and left else None
    return found, Estimate(states.count("finished"), states.count("failed"), left, seconds)
