"""What commands print: tables on standard output, progress, notes and failures on standard error.

Also standard streams that are closed or full, and signals that end a run as Ctrl-C does.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Self

import typer

from restyle.errors import OutputError, RestyleError
from restyle.files import is_control

if TYPE_CHECKING:
    from restyle.train.loop import Step

PATIENCE = 1.0  # seconds before a bar appears
EVERY = 10.0  # seconds between lines of progress without a terminal
FRAMES = 48  # frames over which frames per second are measured
_last = [signal.SIGINT]


class Bar:
    """Progress of a command: a bar on a terminal, otherwise a line every `EVERY` seconds, on standard error.

    Work that ends within `PATIENCE` seconds shows nothing, nor does a `quiet` bar. A `total` of 1 shows a
    percentage instead of a count. `label` names the current item.

    Examples
    --------
    >>> with Bar(2, "painting") as bar:
    ...     bar.at(0.5, "first")
    ...     bar.at(2.0)
    """

    def __init__(self, total: int = 1, label: str = "", *, quiet: bool = False) -> None:
        self.total, self.label, self.done, self.quiet = total, label, 0.0, quiet
        self.terminal = sys.stderr.isatty()
        self._left: float | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._progress: Any = None
        self._task: Any = None
        self._begun = self._printed = time.monotonic()
        self._frames: deque[tuple[float, int]] = deque([(self._begun, 0)], maxlen=FRAMES)
        self._noted: set[str] = set()

    def __enter__(self) -> Self:
        if self.terminal and not self.quiet:
            self._timer = threading.Timer(PATIENCE, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._progress is not None:
                self._progress.stop()
            self._progress = None

    def at(self, done: float, label: str | None = None, left: float | None = None) -> None:
        """Show how many items are done; None keeps the label, and estimates the seconds left."""
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
    """A bar on a terminal, a line a step elsewhere; `quiet` for all processes of torchrun but the first.

    `images` is the number of images per step; 0 shows seconds per step instead of images per second.
    """

    def __init__(self, name: str, steps: int, images: int = 0, quiet: bool = False) -> None:
        super().__init__(steps, name, quiet=quiet)
        self.name, self.images = name, images

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


class SeveralFiles:
    """Work on several files: failures are listed at the end and make the exit code 1, the rest goes on.

    With only one file, its error is that of the command. Ctrl-C reports how many files are done. `what` is
    the plural noun for them: "videos".

    Examples
    --------
    >>> with SeveralFiles(1, "videos") as files, files.each("clip.mp4"):
    ...     print("clip.mp4 is done")
    clip.mp4 is done
    """

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done = total, what, 0
        self.failures: list[str] = []
        self._targets: dict[Path, str] = {}

    def __enter__(self) -> SeveralFiles:
        return self

    @contextlib.contextmanager
    def each(self, source: object) -> Iterator[None]:
        """Wrap the work on one file; its error is recorded, with the name of the file in front."""
        try:
            yield
        except RestyleError as error:
            if self.total == 1:
                raise
            reason = as_flags(str(error))
            self.failures.append(reason if reason.startswith(str(source)) else f"{source}: {reason}")
        else:
            self.done += 1

    def claim(self, target: Path, source: str) -> Path:
        """Refuse a path that is the result of another file."""
        if target in self._targets:
            raise OutputError(f"{source}: would be written to {target}, as is {self._targets[target]}")
        self._targets[target] = source
        return target

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, KeyboardInterrupt) and self.total > 1:
            parts = [f"{self.done} of {self.total} {self.what} are done", str(error)]
            raise KeyboardInterrupt("; ".join(filter(None, parts))) from None
        if error is None and self.failures:
            fail(f"{len(self.failures)} of {self.total} {self.what} failed", self.failures)


def fail(head: str, reasons: Sequence[str]) -> NoReturn:
    """Print a line and the reasons below it; end the command with exit code 1."""
    typer.echo(f"restyle: {head}:", err=True)
    for reason in reasons:
        typer.echo(f"  {printable(as_flags(reason))}", err=True)
    raise typer.Exit(1)


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
    from rich.cells import cell_len, set_cell_size

    lines = [heading, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(set_cell_size, line, widths)).rstrip() for line in lines)


def prepare_streams() -> None:
    """Make the standard streams safe: whether closed, as under `pythonw` and after `2>&-`, or full.

    Closed ones are opened on the null device: a file that is opened later must not take their number, because
    libraries in C write messages there. The work goes on without the messages that a full disk cannot take.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, until the end
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        raw: Any = _Forgiving(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, errors="backslashreplace", write_through=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names that are not valid text


def discard_stdout() -> None:
    """Send what is left of standard output to the null device, so that no error follows at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


class _Forgiving(io.FileIO):
    """A file of which failed writes are dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def stop_as_by_interrupt() -> None:
    """Raise KeyboardInterrupt at SIGTERM and SIGHUP, too, so that every run ends as after Ctrl-C.

    A signal that is ignored stays so, as under `nohup`. Each counts once: a shell and the system both send
    SIGHUP when a terminal closes, and the second one must not interrupt the cleaning up.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def exit_code() -> int:
    """Exit code after a KeyboardInterrupt: 128 and the number of the signal, as shells count."""
    return 128 + _last[-1]


def _interrupt(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    _last.append(signal.Signals(number))
    raise KeyboardInterrupt
