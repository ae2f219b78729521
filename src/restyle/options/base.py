"""Declaration and checks of options, and the options that all commands share."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from functools import wraps
from numbers import Real
from textwrap import fill
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from restyle.errors import OptionError

DeviceName = Literal["auto", "cpu", "cuda", "directml", "coreml", "webgpu", "mps"]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
# Former names and values of options -> present ones. They work, with a warning, until version 1.1.
FORMER_NAMES = {
    "normalisation": "normalization",
    "colour_weight": "color_weight",
    "half_optimised": "half_optimized",
}
FORMER_VALUES = {("steady", "statistics"): "none"}


def opt(default: Any, help: str, within: tuple[float, float] | None = None, **facts: Any) -> Any:
    """Declare one field of an option set.

    Parameters
    ----------
    default
        The default value; it is written nowhere else.
    help : str
        A sentence or two, for `--help` and for the docstrings of the Python calls.
    within : (low, high) or None
        Inclusive range.
    **facts
        `metavar`: placeholder in `--help`. `variable`: environment variable with the same meaning. `bare`:
        value of a flag that stands alone. `panel`: heading in `--help`. `choices`: a function that returns
        the accepted words. `method`: the only method that accepts the option, or several, `paint|optimize`.
    """
    if within is not None:
        facts["low"], facts["high"] = within
    return field(default=default, metadata={"help": help, **facts})


def again(kind: type[OptionSet], name: str, default: Any = ..., help: str = "", **facts: Any) -> Any:
    """Declare a field of another option set again, with another default or help text if given."""
    known = next(each for each in fields(kind) if each.name == name)  # type: ignore[arg-type]
    facts = {**known.metadata, "help": help or known.metadata["help"], **facts}
    return field(default=known.default if default is ... else default, metadata=facts)


def explain(*kinds: type[OptionSet]) -> Callable[[FunctionT], FunctionT]:
    """Replace `{options}` in the docstring of a function by the fields of option sets and their help.

    Examples
    --------
    >>> @explain(SaveOptions)
    ... def save() -> None:
    ...     '''Save.
    ...
    ...     {options}
    ...     '''
    >>> print(save.__doc__.splitlines()[2].strip())
    quality : int | None = None, 1..100
    """

    def decorate(function: FunctionT) -> FunctionT:
        if function.__doc__:  # None under `python -OO`
            lines = [line for kind in kinds for line in _lines(kind)]
            function.__doc__ = function.__doc__.replace("{options}", "\n    ".join(lines))
        return function

    return decorate


def _lines(kind: type[OptionSet]) -> list[str]:
    hints, lines = hints_of(kind), list[str]()
    for each in fields(kind):  # type: ignore[arg-type]
        facts, arms = each.metadata, str(each.type).split(" | ")
        choices = choices_of(hints[each.name], facts)
        shown = " | ".join([*map(repr, choices), *arms[1:]] if choices else arms)
        span = f", {facts['low']:,g}..{facts['high']:,g}" if "low" in facts else ""
        lines.append(f"{each.name} : {shown} = {each.default!r}{span}")
        lines += fill(facts["help"], 96, initial_indent="    ", subsequent_indent="    ").split("\n")
    return lines


def renamed(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Replace former names of options, and former values, by the present ones, each with a warning."""
    present = {}
    for name, value in keywords.items():
        now = FORMER_NAMES.get(name, name)
        if now != name:
            _warn_of_former(name, now)
        if isinstance(value, str) and (now, value) in FORMER_VALUES:
            _warn_of_former(f"{now}={value}", f"{now}={FORMER_VALUES[now, value]}")
            value = FORMER_VALUES[now, value]
        present[now] = value
    return present


def _warn_of_former(name: str, now: str) -> None:
    message = f"'{name}' is now '{now}'; the former name will be removed in version 1.1"
    # The first line outside restyle: Python shows such a warning only if the program itself causes it.
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "restyle":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DeprecationWarning, stacklevel=level)


def takes_former_names(function: FunctionT) -> FunctionT:
    """Let a method take former names of options as keywords, too."""

    @wraps(function)
    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return function(self, *arguments, **renamed(keywords))

    return cast(FunctionT, call)


def from_keywords(keywords: Mapping[str, Any], *kinds: type[OptionSet]) -> tuple[Any, ...]:
    """Create option sets from the keywords of a call, each with its own fields.

    Raises
    ------
    TypeError
        No set has such a field; the message suggests a similar name.
    OptionError
        A value is wrong.
    """
    names = [{each.name for each in fields(kind)} for kind in kinds]  # type: ignore[arg-type]
    known = set().union(*names)
    keywords = renamed(keywords)
    for name in keywords:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise TypeError(f"unknown keyword '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    return tuple(
        kind(**{name: value for name, value in keywords.items() if name in own})
        for kind, own in zip(kinds, names, strict=True)
    )


_HINTS: dict[type, dict[str, Any]] = {}


def hints_of(kind: type[OptionSet]) -> dict[str, Any]:
    """Types of the fields of an option set; kept, because `get_type_hints` takes milliseconds."""
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


class OptionSet:
    """Base of the option sets. Types and ranges are checked on creation.

    Keywords of a subclass, such as `panel`, are facts of all its fields that have no other.

    Raises
    ------
    OptionError
        A value of the wrong type or outside its range, or two options that contradict each other.
    """

    def __init_subclass__(cls, **facts: Any) -> None:
        for option in vars(cls).values():
            if isinstance(option, Field):
                known = {**facts, **option.metadata}.items()
                option.metadata = MappingProxyType({name: fact for name, fact in known if fact is not None})

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for each in fields(self):  # type: ignore[arg-type]
            given = getattr(self, each.name)
            if (value := _plain(given, each.metadata)) is not given:
                object.__setattr__(self, each.name, value)
            _check(each.name, getattr(self, each.name), hints[each.name], each.metadata)


def check_method(options: OptionSet, *methods: str) -> None:
    """Raise OptionError if an option that is for none of the methods differs from its default."""
    for each in fields(options):  # type: ignore[arg-type]
        owners = each.metadata["method"].split("|") if "method" in each.metadata else methods
        if not set(methods) & set(owners) and getattr(options, each.name) != each.default:
            name = each.name.replace("_", "-")
            raise OptionError(f"{name} is for --method {' or '.join(owners)}; add that, or leave {name} out")


def _plain(value: Any, facts: Any) -> Any:
    """Convert a number of NumPy to one of Python, and True or False to what a flag without a value means."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if "bare" in facts and isinstance(value, bool):
        return facts["bare"] if value else None
    return value


def _check(name: str, value: Any, hint: Any, facts: Any) -> None:
    shown = name.replace("_", "-")
    choices = choices_of(hint, facts)
    if value is None and type(None) in get_args(hint):
        return
    if choices:
        if value not in choices:
            raise OptionError(f"{shown} '{value}' is none of {', '.join(choices)}")
        return
    arms = {arm for arm in (get_args(hint) or (hint,)) if arm is not type(None)}
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not ((float in arms and number) or isinstance(value, tuple(arms))) or (
        isinstance(value, bool) and bool not in arms
    ):
        kinds = " or ".join(sorted(arm.__name__ for arm in arms))
        raise OptionError(f"{shown} {value!r} is not of type {kinds}")
    low, high = facts.get("low"), facts.get("high")
    if low is not None and not low <= value <= high:
        try:
            given = f"{value:g}"
        except OverflowError:
            given = "of that many digits"
        raise OptionError(f"{shown} {given} is outside {low:g}..{high:g}")


def choices_of(hint: Any, facts: Any) -> tuple[str, ...]:
    """Accepted words of an option; empty if any value of its type is accepted."""
    if "choices" in facts:
        return tuple(facts["choices"]())
    arms = (hint, *get_args(hint))
    return tuple(word for arm in arms if get_origin(arm) is Literal for word in get_args(arm))


def from_text(text: str, option: Any, hint: Any) -> Any:
    """Convert the text of a value to the type of its option; the option set checks its range.

    `option` is a field of an option set, and `hint` its type, from `hints_of`.

    Raises
    ------
    OptionError
        The text is not of that type.
    """
    shown = option.name.replace("_", "-")
    arms = {arm for arm in (get_args(hint) or (hint,)) if isinstance(arm, type)}
    if bool in arms:
        if text.lower() not in ("true", "false"):
            raise OptionError(f"{shown} is true or false, not '{text}'")
        return text.lower() == "true"
    for kind in (int, float):
        if kind in arms:
            with suppress(ValueError):
                return kind(text)
    if arms & {int, float} and str not in arms:
        raise OptionError(f"{shown} '{text}' is not a number")
    return text


@dataclass(frozen=True, kw_only=True)
class EngineOptions(OptionSet, panel="Running"):
    """Which model runs, on which device."""

    model: str = opt(
        "arbitrary-5",
        "A model of `restyle models`, a network of `restyle train style`, or a folder that `restyle"
        " export` wrote.",
        metavar="NAME|FILE|FOLDER",
    )
    device: DeviceName = opt(
        "cpu",
        "Where to compute; auto takes the first device that works. A device that is missing is an error."
        " --method optimize runs on cuda, mps or cpu; the other methods run on all but mps.",
    )
    threads: int | None = opt(None, "CPU threads. Default: all cores.", (1, 1024), metavar="N")


@dataclass(frozen=True, kw_only=True)
class SaveOptions(OptionSet, panel="Writing"):
    """How a result is written."""

    quality: int | None = opt(
        None, "Quality of JPEG, WebP and AVIF, 1 to 100. Default: 95, 98 and 92.", (1, 100), metavar="N"
    )
    overwrite: bool = opt(False, "Replace existing results. An input is never replaced.")
