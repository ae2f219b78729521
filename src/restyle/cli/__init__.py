"""The command line. `main` is the entry point; the commands are in `app.COMMANDS`."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run `restyle` with these arguments (default: those of the process) and exit."""
    import io
    import signal
    import sys
    import threading

    from restyle.cli.streams import open_missing_streams, tolerate_full_stderr

    open_missing_streams()
    tolerate_full_stderr()
    if threading.current_thread() is threading.main_thread():
        # Clean up as after Ctrl-C: partly written files are removed. `nohup` ignores SIGHUP.
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda number, _: sys.exit(128 + number))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names that are not valid text
    try:
        from restyle.cli.app import run

        run(args)
    except KeyboardInterrupt:  # while modules are loaded
        sys.exit(128 + signal.SIGINT)
