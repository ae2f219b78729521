"""A progress bar on standard error, for what takes longer than a second and for people who look at it."""

from __future__ import annotations

import sys
from threading import Lock, Timer
from types import TracebackType
from typing import Any

PATIENCE = 1.0  # seconds that anything may take without a bar


class Bar:
    """Shows what is done, once `PATIENCE` has passed, if standard error is a terminal.

    Parameters
    ----------
    total : int
        Things to do.
    label : str
        What is being done, a word or a file name.

    Examples
    --------
    >>> with Bar(2, "painting") as bar:
    ...     bar.at(0.5, "first")
    ...     bar.at(2.0)
    """

    def __init__(self, total: int, label: str = "") -> None:
        self.total = total
        self.label = label
        self.done = 0.0
        self._lock = Lock()
        self._timer: Timer | None = None
        self._shown: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if sys.stderr.isatty():
            self._timer = Timer(PATIENCE, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._shown is not None:
                self._shown.stop()

    def at(self, done: float, label: str | None = None) -> None:
        """Tell how many things are done, with the part of the one in work as its fraction."""
        with self._lock:
            self.done = done
            self.label = self.label if label is None else label
            self._update()

    def label_as(self, label: str) -> None:
        """Say what is being done."""
        self.at(self.done, label)

    def _update(self) -> None:
        if self._shown is not None:
            total = None if self.total == 1 and self.done == 0 else self.total  # no fraction known: pulse
            self._shown.update(
                self._task,
                completed=self.done,
                total=total,
                description=self.label,
                finished=int(self.done),
            )

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn(
                "{task.fields[finished]}/{task.total}" if self.total > 1 else "{task.percentage:>3.0f}%"
            ),
            TimeElapsedColumn(),
            *([TimeRemainingColumn()] if self.total > 1 else []),
        ]
        with self._lock:
            if self._timer is None:
                return  # it ended meanwhile
            # Results are printed on standard output: through the bar if both are the same terminal, but
            # never into standard error when standard output is a pipe.
            self._shown = Progress(
                *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
            )
            self._task = self._shown.add_task(self.label, total=None, finished=0)
            self._shown.start()
            self._update()
