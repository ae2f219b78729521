"""The progress of a film: a bar of its frames, with their number a second and the time left."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType

import typer

from restyle.cli.progress import Bar

_WINDOW = 48  # frames over which the speed is measured


class Speed:
    """Shows how a film gets on.

    Parameters
    ----------
    label : str
        Name of the file.

    Examples
    --------
    >>> with Speed("clip.mp4") as speed:
    ...     speed.at(1, 250)
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar = Bar(1, label)
        self._stamps: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=_WINDOW)
        self._notes: list[str] = []

    def __enter__(self) -> Speed:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        for line in dict.fromkeys(self._notes):
            typer.echo(f"restyle: {line}", err=True)

    @property
    def fps(self) -> float:
        """Frames a second, lately."""
        (first, before), (last, now) = self._stamps[0], self._stamps[-1]
        return (now - before) / (last - first) if last > first else 0.0

    def at(self, done: int, total: int | None) -> None:
        """Tell how many frames are done, of how many if that is known."""
        self._stamps.append((time.monotonic(), done))
        if total:
            self._bar.total = total
        count = "" if total else f" {done} frames,"
        self._bar.at(done if total else 0, f"{self._label}{count} {self.fps:.1f} fps")

    def say(self, line: str) -> None:
        """Keep a line for when the bar is gone."""
        self._notes.append(line)
