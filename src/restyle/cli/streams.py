"""Standard streams that are closed or full, and signals that end a run as Ctrl-C does."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

_last = [signal.SIGINT]


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
