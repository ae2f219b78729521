"""The command line. `main` is the entry point; the commands are in `app.COMMANDS`."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run `restyle` with these arguments (default: those of the process) and exit."""
    import io
    import sys

    from restyle.cli.streams import (
        exit_code,
        open_missing_streams,
        stop_as_by_interrupt,
        tolerate_full_stderr,
    )

    open_missing_streams()
    tolerate_full_stderr()
    stop_as_by_interrupt()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names that are not valid text
    try:
        from restyle.cli.app import run

        run(args)
    except KeyboardInterrupt:  # while modules are loaded
        sys.exit(exit_code())
