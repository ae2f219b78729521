"""Standard streams that are closed, or full."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any


def open_missing_streams() -> None:
    """Open closed standard streams on the null device, as under `pythonw`, in services and after `2>&-`.

    A file that is opened later must not take the number of a closed stream, because libraries in C write
    their messages to these numbers.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, until the end


def tolerate_full_stderr() -> None:
    """Drop messages that standard error cannot take, such as on a full disk; the work goes on."""
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        raw: Any = _Forgiving(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, errors="backslashreplace", write_through=True)


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
