"""The `restyle` command: a table of commands, each imported only when it is called.

To add a command, write `cli/NAME.py` with a typed function (or a `typer.Typer` group called `app`) and add a
row to `COMMANDS`. The module imports only what its flags need. Import models, torch and media inside the
function, so that `restyle NAME --help` stays fast.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as typer_command

import restyle
from restyle.cli.flags import BareValues, present_flags
from restyle.cli.streams import discard_stdout, exit_code
from restyle.cli.terminal import as_flags, printable
from restyle.errors import OptionError, RestyleError
from restyle.files import reason

# Base class of all errors in a command line; typer exports only its subclasses.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class Entry(NamedTuple):
    """Where a command is defined, and its line in `restyle --help`.

    Parameters
    ----------
    target : str
        `module:attribute`; the attribute is a function with typer annotations or a `typer.Typer`.
    summary : str
        Fits in 80 columns.
    """

    target: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "image": Entry("restyle.cli.image:image", "Give pictures the style of others."),
    "video": Entry("restyle.cli.video:video", "Give videos the style of pictures; sound is kept."),
    "live": Entry("restyle.cli.live:live", "Stylize a camera in real time."),
    "audio": Entry("restyle.cli.audio:audio", "Give sounds the style of others."),
    "batch": Entry("restyle.cli.batch:batch", "Stylize a folder or list on many cores, and resume."),
    "studio": Entry("restyle.cli.studio:studio", "Open restyle in the browser, with an HTTP API."),
    "styles": Entry("restyle.cli.styles:app", "List the preset styles, draw a contact sheet, save a style."),
    "evaluate": Entry(
        "restyle.cli.evaluate:evaluate", "Measure results: style, content, artifacts, flicker, time."
    ),
    "compare": Entry("restyle.cli.compare:compare", "Compare styles; draw a map of a folder of styles."),
    "train": Entry("restyle.cli.train:app", "Train your own networks."),
    "study": Entry("restyle.cli.study:app", "Compare networks with the same data and budget."),
    "export": Entry("restyle.cli.export:app", "Export a network as ONNX, or a look as a .cube file."),
    "models": Entry("restyle.cli.models:app", "List models with size, license and state; download others."),
}


def load_command(name: str) -> Any:
    """Import the module of one command and build its parser."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name, cls=BareValues)(target)
        target = single
    command = typer_command(target)
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """The top-level group. It answers `--help` and misspelled commands without importing any command."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {
            name: TyperCommand(name=name, help=entry.summary, callback=None)
            for name, entry in COMMANDS.items()
        }
        self._listing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self._listing or cmd_name not in COMMANDS:
            return self.commands.get(cmd_name)
        return load_command(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C is reported here, because typer passes on only the exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            complain(f"interrupted; {stop}" if str(stop) else "interrupted")
            return exit_code()

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command line and exit: 0, 1 for a RestyleError, 2 for usage, or as `exit_code` says."""
        arguments = list(sys.argv[1:] if args is None else args) or ["--help"]
        if logging.lastResort is not None:  # prints warnings unless --verbose is given
            logging.lastResort.setFormatter(_OneLine("restyle: %(message)s"))
        extra = {**extra, "prog_name": "restyle", "standalone_mode": False}
        try:
            arguments, notes = present_flags(arguments)
            for note in notes:
                complain(note)
            code = super().main(arguments, *rest, **extra)
        except UsageError as error:
            complain(_usage_message(error, arguments))
            code = 2
        except OptionError as error:
            complain(str(error))
            code = 2
        except RestyleError as error:
            complain(str(error))
            code = 1
        except MemoryError:
            complain("not enough memory; use a smaller file, a smaller size, or fewer processes")
            code = 1
        except typer.Abort:
            complain("interrupted")
            code = exit_code()
        except BrokenPipeError:
            sys.stderr.close()  # nobody reads the output any more
            code = 1
        except OSError as error:
            complain(f"{error.filename or 'cannot write to standard output'}: {reason(error)}")
            discard_stdout()
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


class _OneLine(logging.Formatter):
    """Formats warnings for a terminal: names in them may hold control characters."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def complain(message: str) -> None:
    """Print one line on standard error: `restyle: message`."""
    typer.echo("restyle: " + printable(as_flags(" ".join(message.split("\n")))), err=True)


def _usage_message(error: Any, arguments: Sequence[str]) -> str:
    message = error.format_message().strip()
    if not message.endswith((".", "?")):
        message += "."
    if getattr(error, "ctx", None):
        path = error.ctx.command_path
    else:  # errors of the parser of a command have no context
        path = " ".join(["restyle", *(each for each in arguments[:1] if each in COMMANDS)])
    return f"{message} See `{path} --help`."


def _be_verbose(wanted: bool) -> None:
    if wanted:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"restyle {restyle.__version__}")
        raise typer.Exit


application = typer.Typer(
    cls=LazyGroup, add_completion=True, context_settings={"help_option_names": ["-h", "--help"]}
)


@application.callback()
def restyle_command(
    verbose: bool = typer.Option(
        False, "--verbose", "-v", callback=_be_verbose, help="Print which model runs on which device."
    ),
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Give a picture, a video or a sound the style of another, offline."""


def run(args: Sequence[str] | None = None) -> None:
    """Run `restyle` with these arguments (default: those of the process) and exit."""
    typer_command(application)(args)
