"""Flags from option sets: defaults, ranges and help texts are declared only there."""

from __future__ import annotations

import difflib
import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from restyle.errors import OptionError
from restyle.options import OptionSet
from restyle.options.base import FORMER_NAMES, FORMER_VALUES, choices_of

# (command, flag) of versions before 1.0 without a successor -> what to do instead.
_BOARD = "run `python -m benchmarks.leaderboard` in a copy of the repository"
GONE_FLAGS = {
    ("video", "--steady-seconds"): "leave it out; --steady flow needs no setting",
    ("evaluate", "--suite"): _BOARD,
    ("evaluate", "--leaderboard"): _BOARD,
    ("models", "--mirror"): "download the file yourself and give it to `restyle models pull --from`",
}


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter of a command that is an option set by one flag per field.

    Parameters
    ----------
    command : function
        Its parameters are annotated; those annotated with an `OptionSet` are expanded in place.

    Returns
    -------
    function
        For typer. It creates the option sets, which may raise OptionError, and calls the command.

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
        types = get_type_hints(kind)
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
    filled = []
    for index, word in enumerate(args):
        if index < end and word in bare:
            value, choices = bare[word]
            following = args[index + 1] if index + 1 < len(args) else None
            has_value = following is not None and (following in choices or _misspelled(following, choices))
            filled.append(word if has_value else f"{word}={value}")
        else:
            filled.append(word)
    return filled


def _misspelled(word: str, choices: tuple[str, ...]) -> bool:
    return bool(difflib.get_close_matches(word, choices, cutoff=0.5)) and not os.path.lexists(word)


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
