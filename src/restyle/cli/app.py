"""The `restyle` command: a table of commands, each imported only when it is called.

To add a command, write a typed function (or a `typer.Typer` group) in a module of `cli/` and add a row to
`COMMANDS`. The module imports only what its flags need. Import models, torch and media inside the function,
so that `restyle NAME --help` stays fast.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as typer_command

import restyle
from restyle.cli.terminal import as_flags, discard_stdout, exit_code, printable
from restyle.errors import OptionError, RestyleError
from restyle.files import reason
from restyle.options import OptionSet
from restyle.options.base import FORMER_NAMES, FORMER_VALUES, choices_of, hints_of

# Base class of all errors in a command line; typer exports only its subclasses.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class Entry(NamedTuple):
    """Where a command is defined, a function or a `typer.Typer`, and its line in `restyle --help`."""

    target: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "image": Entry("restyle.cli.image:image", "Give pictures the style of others."),
    "video": Entry("restyle.cli.video:video", "Give videos the style of pictures; sound is kept."),
    "live": Entry("restyle.cli.video:live", "Stylize a camera in real time."),
    "audio": Entry("restyle.cli.audio:audio", "Give sounds the style of others."),
    "batch": Entry("restyle.cli.batch:batch", "Stylize a folder or list on many cores, and resume."),
    "studio": Entry("restyle.cli.studio:studio", "Open restyle in the browser, with an HTTP API."),
    "styles": Entry("restyle.cli.styles:app", "List the preset styles, draw a contact sheet, save a style."),
    "evaluate": Entry(
        "restyle.cli.measure:evaluate", "Measure results: style, content, artifacts, flicker, time."
    ),
    "compare": Entry("restyle.cli.measure:compare", "Compare styles; draw a map of a folder of styles."),
    "train": Entry("restyle.cli.train:app", "Train your own networks."),
    "study": Entry("restyle.cli.study:app", "Compare networks with the same data and budget."),
    "export": Entry("restyle.cli.models:exporting", "Export a network as ONNX, or a look as a .cube file."),
    "models": Entry("restyle.cli.models:app", "List models with size, license and state; download others."),
}


# (command, flag) of versions before 1.0 without a successor -> what to do instead.
_BOARD = "run `python -m benchmarks.leaderboard` in a copy of the repository"
GONE_FLAGS = {
    ("video", "--steady-seconds"): "leave it out; --steady flow needs no setting",
    ("evaluate", "--suite"): _BOARD,
    ("evaluate", "--leaderboard"): _BOARD,
    ("models", "--mirror"): "download the file yourself and give it to `restyle models pull --from`",
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
        rows = COMMANDS.items()
        self.commands = {name: TyperCommand(name=name, help=row.summary, callback=None) for name, row in rows}
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
        except RestyleError as error:
            complain(str(error))
            code = 2 if isinstance(error, OptionError) else 1
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


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter of a command that is an `OptionSet` by one flag per field.

    The function for typer creates the option sets, which may raise OptionError, and calls the command.

    Examples
    --------
    >>> from restyle.options import SaveOptions
    >>> @with_flags
    ... def show(saving: SaveOptions) -> None: ...
    >>> list(inspect.signature(show).parameters)
    ['quality', 'overwrite']
    """
    hints = get_type_hints(command, include_extras=True)
    sets: dict[str, type[OptionSet]] = {}
    parameters: list[inspect.Parameter] = []
    bare: dict[str, tuple[str, tuple[str, ...]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if not (isinstance(kind, type) and issubclass(kind, OptionSet)):
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        sets[parameter.name] = kind
        types = hints_of(kind)
        for option in fields(kind):  # type: ignore[arg-type]
            parameters.append(_flag(option, types[option.name]))
            if "bare" in option.metadata:
                choices = choices_of(types[option.name], {})
                bare[flag_name(option.name)] = (option.metadata["bare"], choices)

    def call(**values: Any) -> None:
        filled = {
            name: kind(**{option.name: values.pop(option.name) for option in fields(kind)})  # type: ignore[arg-type]
            for name, kind in sets.items()
        }
        command(**values, **filled)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.bare = bare  # type: ignore[attr-defined]
    return call


def flag(default: Any, names: str, metavar: str, help: str, **facts: Any) -> Any:
    """Declare a flag that is in no option set, with its `names`: "--output -o"; `...` makes it required."""
    return typer.Option(default, *names.split(), metavar=metavar, help=help, **facts)


def flag_name(field_name: str) -> str:
    """`keep_colors` -> `--keep-colors`."""
    return "--" + field_name.replace("_", "-")


class BareValues(TyperCommand):
    """A command with flags that may be given without a value, such as `--keep-colors`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, fill_bare(args, getattr(self.callback, "bare", {})))


def present_flags(args: list[str]) -> tuple[list[str], list[str]]:
    """Replace former flags, and former values, by the present ones; return also a note on each.

    Raises
    ------
    OptionError
        A flag is gone.

    Examples
    --------
    >>> present_flags(["train", "style", "--colour-weight=0.1"])[0]
    ['train', 'style', '--color-weight=0.1']
    """
    former = {flag_name(old): flag_name(new) for old, new in FORMER_NAMES.items()}
    values = {(flag_name(name), old): new for (name, old), new in FORMER_VALUES.items()}
    command = next((word for word in args if not word.startswith("-")), "")
    end = args.index("--") if "--" in args else len(args)
    present, notes = list(args), []
    for index, word in enumerate(args[:end]):
        flag, sign, value = word.partition("=")
        if (command, flag) in GONE_FLAGS:
            raise OptionError(f"{flag} is gone: {GONE_FLAGS[command, flag]}")
        now = former.get(flag, flag)
        if now != flag:
            notes.append(f"{flag} is now {now}; the former name will be removed in version 1.1")
        now = re.sub(r"^--keep-colours$", "--keep-colors", now)
        before = args[index - 1] if index else ""
        if (flag, value) in values or (before, word) in values:
            given, instead = (value, values[flag, value]) if sign else (word, values[before, word])
            notes.append(f"'{given}' is now '{instead}'; the former value will be removed in version 1.1")
            now, value = (now, instead) if sign else (instead, "")
        present[index] = now + sign + value
    return present, notes


def fill_bare(args: list[str], bare: Mapping[str, tuple[str, tuple[str, ...]]]) -> list[str]:
    """Add the usual value to every flag in `bare` that is not followed by one of its choices.

    A misspelled choice that is not a file stays, so that it is reported.

    Examples
    --------
    >>> fill_bare(["--keep", "a.jpg"], {"--keep": ("all", ("all", "some"))})
    ['--keep=all', 'a.jpg']
    """
    end = args.index("--") if "--" in args else len(args)
    filled = list(args)
    for index, (word, following) in enumerate(zip(args[:end], [*args[1:], ""], strict=False)):
        if word in bare:
            value, choices = bare[word]
            misspelled = get_close_matches(following, choices, cutoff=0.5) and not os.path.lexists(following)
            if following not in choices and not misspelled:
                filled[index] = f"{word}={value}"
    return filled


def _flag(field: Any, hint: Any) -> inspect.Parameter:
    """Return a field as a parameter for typer; the option set checks what typer cannot."""
    facts = field.metadata
    arms = () if get_origin(hint) is Literal else get_args(hint)
    plain = [arm for arm in arms or (hint,) if arm is not type(None)]
    choices = choices_of(hint, facts)
    base: Any = str if choices or len(plain) > 1 else plain[0]
    about = facts["help"]
    if "low" in facts and base is float:
        about += f" [{facts['low']:g} to {facts['high']:g}]"
    flag = flag_name(field.name)
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if base is bool and field.default else flag,
        help=about,
        metavar=facts.get("metavar") or ("|".join(choices) if choices else None),
        rich_help_panel=facts.get("panel"),
        envvar=facts.get("variable"),
        show_default=field.default is not None and field.default is not False,
    )
    annotation = Annotated[base | None if field.default is None else base, option]  # type: ignore[valid-type]
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation
    )
