"""Signals that end a run: SIGTERM and SIGHUP stop it as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_last = [signal.SIGINT]


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
