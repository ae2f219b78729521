"""Commands over several files: on past a bad one, and one ending for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import typer

from restyle.errors import RestyleError


class Batch:
    """Work over files: a bad one does not stop the rest, is listed at the end, and makes the exit code 1.

    Where there is only one file, its error is the command's. Where a run over several is interrupted, it says
    how many are done.

    Parameters
    ----------
    total : int
        How many files there are.
    what : str
        Their plural: "videos".

    Examples
    --------
    >>> with Batch(1, "videos") as batch, batch.each("clip.mp4"):
    ...     print("clip.mp4 is done")
    clip.mp4 is done
    """

    def __init__(self, total: int, what: str) -> None:
        self.total = total
        self.what = what
        self.done = 0
        self.failures: list[str] = []

    def __enter__(self) -> Batch:
        return self

    @contextmanager
    def each(self, source: object) -> Iterator[None]:
        """Around the work on one file: its error is noted with its name if it does not begin with it."""
        try:
            yield
        except RestyleError as error:
            if self.total == 1:
                raise
            reason = str(error)
            self.failures.append(reason if reason.startswith(str(source)) else f"{source}: {reason}")
        else:
            self.done += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self.total > 1:
            told = [f"{self.done} of {self.total} {self.what} are done", *filter(None, [str(error)])]
            raise KeyboardInterrupt("; ".join(told)) from None
        if error is None and self.failures:
            typer.echo(f"restyle: {len(self.failures)} of {self.total} {self.what} failed:", err=True)
            for reason in self.failures:
                typer.echo(f"  {reason}", err=True)
            raise typer.Exit(1)
