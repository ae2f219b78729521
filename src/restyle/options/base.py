"""How options are declared and checked, and the options that all commands share."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any, Literal, get_args, get_origin, get_type_hints

from restyle.errors import OptionError

DeviceName = Literal["cpu", "cuda"]


def opt(default: Any, help: str, within: tuple[float, float] | None = None, **facts: Any) -> Any:
    """Declare one field of an option set.

    Parameters
    ----------
    default
        Its default, the only place where it is written.
    help : str
        A sentence or two, for `--help` and for the docstrings of the Python calls.
    within : (low, high) or None
        Inclusive range.
    **facts
        `metavar`: placeholder in `--help`. `bare`: value of the flag when given without one. `panel`: heading
        in `--help`. `choices`: a function that returns the accepted words. `method`: the only method that
        accepts the option.
    """
    if within is not None:
        facts["low"], facts["high"] = within
    return field(default=default, metadata={"help": help, **facts})


class OptionSet:
    """Base of the option sets. Types and ranges are checked on creation.

    Raises
    ------
    OptionError
        A value of the wrong type or outside its range, or two options that contradict each other.
    """

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for each in fields(self):  # type: ignore[arg-type]
            _check(each.name, getattr(self, each.name), hints[each.name], each.metadata)


def check_method(options: OptionSet, method: str) -> None:
    """Refuse options of other methods.

    Raises
    ------
    OptionError
        An option that is for another method differs from its default.
    """
    for each in fields(options):  # type: ignore[arg-type]
        owner = each.metadata.get("method", method)
        if owner != method and getattr(options, each.name) != each.default:
            name = each.name.replace("_", "-")
            raise OptionError(f"{name} is for --method {owner}; add that, or leave {name} out")


def _check(name: str, value: Any, hint: Any, facts: Any) -> None:
    shown = name.replace("_", "-")
    choices = [choice for arm in (hint, *get_args(hint)) for choice in _choices(arm)]
    if "choices" in facts:
        choices = facts["choices"]()
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
        raise OptionError(f"{shown} {value:g} is outside {low:g}..{high:g}")


def _choices(hint: Any) -> tuple[str, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


@dataclass(frozen=True, kw_only=True)
class EngineOptions(OptionSet):
    """What runs, and where."""

    model: str = opt(
        "arbitrary-5",
        "A model of `restyle models`, a network of `restyle train style`, or a folder that `restyle"
        " export` wrote.",
        metavar="NAME|FILE|FOLDER",
        panel="Running",
    )
    device: DeviceName = opt("cpu", "Where to compute. A missing device is an error.", panel="Running")
    threads: int | None = opt(
        None, "CPU threads; all cores if not given.", (1, 1024), metavar="N", panel="Running"
    )


@dataclass(frozen=True, kw_only=True)
class SaveOptions(OptionSet):
    """How a result is written."""

    quality: int | None = opt(
        None,
        "Quality of JPEG, WebP and AVIF, 1 to 100; 95, 98 and 92 if not given.",
        (1, 100),
        metavar="N",
        panel="Writing",
    )
    overwrite: bool = opt(False, "Replace results that exist. An input is never replaced.", panel="Writing")
