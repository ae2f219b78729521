"""What commands print: tables on standard output, progress and notes on standard error."""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Sequence
from threading import Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from restyle.files import is_control

if TYPE_CHECKING:
    from restyle.train.loop import Step

PATIENCE = 1.0  # seconds before a bar appears
EVERY = 10.0  # seconds between lines of progress without a terminal
FRAMES = 48  # frames over which frames per second are measured


class Bar:
    """Progress of a command: a bar on a terminal, otherwise a line every `EVERY` seconds, on standard error.

    Work that ends within `PATIENCE` seconds shows nothing.

    Parameters
    ----------
    total : int
        Number of items; 1 shows a percentage instead of a count.
    label : str
        The current item, such as a file name.
    quiet : bool
        Show nothing.

    Examples
    --------
    >>> with Bar(2, "painting") as bar:
    ...     bar.at(0.5, "first")
    ...     bar.at(2.0)
    """

    def __init__(self, total: int = 1, label: str = "", *, quiet: bool = False) -> None:
        self.total = total
        self.label = label
        self.done = 0.0
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self._left: float | None = None
        self._lock = Lock()
        self._timer: Timer | None = None
        self._progress: Any = None
        self._task: Any = None
        self._begun = self._printed = time.monotonic()
        self._frames: deque[tuple[float, int]] = deque([(self._begun, 0)], maxlen=FRAMES)
        self._noted: set[str] = set()

    def __enter__(self) -> Self:
        if self.terminal and not self.quiet:
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
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def at(self, done: float, label: str | None = None, left: float | None = None) -> None:
        """Show progress.

        Parameters
        ----------
        done : float
            Finished items; the fraction is that of the current one.
        label : str or None
            None keeps the label.
        left : float or None
            Seconds left; None estimates them.
        """
        with self._lock:
            self.done = done
            self.label = self.label if label is None else label
            self._left = left
            self._update()

    def frames(self, done: int, total: int | None) -> None:
        """Show the progress of a video: frames done, of how many if that is known, and frames per second."""
        self._frames.append((time.monotonic(), done))
        self.total = total or self.total
        count = "" if total else f"{done} frames, "
        name = self.label.partition(" | ")[0]
        self.at(done if total else 0, f"{name} | {count}{self.fps:.1f} fps")

    @property
    def fps(self) -> float:
        """Frames per second over the last `FRAMES` frames."""
        (first, before), (last, now) = self._frames[0], self._frames[-1]
        return (now - before) / (last - first) if last > first else 0.0

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.quiet:
            return
        with self._lock:
            if self._progress is None:
                typer.echo(line, err=True)
            else:
                self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def note(self, line: str) -> None:
        """Print `restyle: line`, once however often it comes."""
        if line not in self._noted:
            self._noted.add(line)
            self.say(f"restyle: {printable(as_flags(line))}")

    def _count(self) -> str:
        if self.total > 1:
            return f"{int(self.done)}/{self.total}"
        return f"{100 * self.done:.0f}%" if self.done else ""

    def _remaining(self) -> str:
        elapsed = time.monotonic() - self._begun
        left = self._left
        if left is None and elapsed > PATIENCE and 0 < self.done < self.total:
            left = elapsed / self.done * (self.total - self.done)
        return "" if left is None else f"{time_left(left)} left"

    def _update(self) -> None:
        if self._progress is not None:
            total = None if self.total == 1 and self.done == 0 else self.total  # no fraction known: pulse
            self._progress.update(
                self._task,
                completed=self.done,
                total=total,
                description=printable(self.label),
                count=self._count(),
                left=self._remaining(),
            )
        elif not (self.terminal or self.quiet) and time.monotonic() - self._printed >= EVERY:
            self._printed = time.monotonic()
            parts = (printable(self.label), self._count(), self._remaining())
            typer.echo("restyle: " + ", ".join(filter(None, parts)), err=True)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        # The label is cut to what the other columns leave, so bar and time stay visible in 80 columns.
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("{task.description}", markup=False, table_column=rest),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with self._lock:
            if self._timer is None:
                return  # the work has ended
            # Results are printed on standard output: through the bar if both are the same terminal, but
            # never into standard error when standard output is a pipe.
            self._progress = Progress(
                *columns,
                console=Console(stderr=True),
                transient=True,
                expand=True,
                redirect_stdout=sys.stdout.isatty(),
            )
            self._task = self._progress.add_task(self.label, total=None, count="", left="")
            self._progress.start()
            self._update()


class TrainingBar(Bar):
    """A bar on a terminal, a line a step elsewhere.

    Parameters
    ----------
    name : str
        Name of the task.
    steps : int
    images : int
        Images per step; 0 shows seconds per step instead of images per second.
    quiet : bool
        Show nothing: for all processes of torchrun but the first.
    """

    def __init__(self, name: str, steps: int, images: int = 0, quiet: bool = False) -> None:
        super().__init__(steps, name, quiet=quiet)
        self.name = name
        self.images = images

    def show(self, step: Step) -> None:
        """Show a step; a callback of `train.loop.fit`."""
        losses = "  ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
        per_second = f"{self.images / step.seconds:.1f} images/s"
        note = f"{losses}  {per_second if self.images else f'{step.seconds:.2f} s/step'}"
        if self.terminal:
            self.total = step.steps
            self.at(step.step, f"{self.name}  {note}", step.seconds_left)
        else:
            self.say(f"step {step.step} of {step.steps}: {note}, {time_left(step.seconds_left)} left")
        if step.held_out:
            held_out = ", ".join(f"{name} {value:.3f}" for name, value in step.held_out.items())
            self.say(f"step {step.step}: evaluation: {held_out}")
        if step.warning:
            self.say(f"restyle: warning: {step.warning}")


def as_flags(message: str) -> str:
    """Write keywords of Python calls in a message as flags.

    Examples
    --------
    >>> as_flags("a.jpg exists; pass overwrite=True")
    'a.jpg exists; pass --overwrite'
    """
    return re.sub(r"\b(overwrite|resume)=True\b", r"--\1", message)


def printable(text: str) -> str:
    r"""Escape control characters, which a terminal would obey.

    Examples
    --------
    >>> print(printable("red\x1b[31m.jpg"))
    red\x1b[31m.jpg
    """
    if text.isprintable():
        return text
    return "".join(each.encode("unicode_escape").decode() if is_control(each) else each for each in text)


def print_path(path: object, *, err: bool = False) -> None:
    """Print the path of a result, on a terminal with control characters escaped."""
    text = str(path)
    typer.echo(printable(text) if sys.stdout.isatty() else text, err=err)


def time_left(seconds: float) -> str:
    """Format a duration: `50 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align rows under a heading, two spaces between columns; `grep`, `cut` and `awk` can read it.

    Examples
    --------
    >>> print(table(["name", "year"], [["wave", "1831"]]))
    name  year
    wave  1831
    """
    lines = [list(heading), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(heading))]
    return "\n".join(
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    """Terminal columns of a text: East Asian wide characters take two, combining characters none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
