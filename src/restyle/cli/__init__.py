"""The command line. `main` is the entry point; the commands are in `app.COMMANDS`."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run `restyle` with these arguments, or with those of the process, and exit."""
    from restyle.cli.app import run

    run(args)
