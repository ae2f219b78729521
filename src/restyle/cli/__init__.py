"""The command line. `main` is the entry point; the commands are in `app.COMMANDS`."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run `restyle` with these arguments (default: those of the process) and exit."""
    import signal
    import sys

    try:
        # Signals wait until they have a handler: process 1 of a container never gets those without one.
        if sys.platform != "win32":
            before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))
        try:
            from restyle.cli.terminal import prepare_streams, stop_as_by_interrupt

            prepare_streams()
            stop_as_by_interrupt()
        finally:
            if sys.platform != "win32":
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        from restyle.cli.app import run

        run(args)
    except KeyboardInterrupt:  # while modules are loaded
        from restyle.cli.terminal import exit_code

        sys.exit(exit_code())
