"""The command line. `main` is the entry point; the commands are in `app.COMMANDS`."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run `restyle` with these arguments (default: those of the process) and exit."""
    import io
    import signal
    import sys
    import threading

    if threading.current_thread() is threading.main_thread():
        # Clean up as after Ctrl-C: partly written files are removed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names that are not valid text
    try:
        from restyle.cli.app import run

        run(args)
    except KeyboardInterrupt:  # while modules are loaded
        sys.exit(128 + signal.SIGINT)
