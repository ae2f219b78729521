"""What every option set has: fields with their help and range, checked when one is made."""

from __future__ import annotations

from dataclasses import fields
from numbers import Real
from typing import Any, Literal, get_args, get_origin, get_type_hints

from restyle.errors import OptionError


def about(help: str, **facts: Any) -> dict[str, Any]:
    """Describe one field of an option set.

    Parameters
    ----------
    help : str
        One sentence, for people at a command line.
    **facts
        `low`, `high`: inclusive range. `metavar`: placeholder in `--help`. `bare`: value of the flag when
        it is given without one. `panel`: heading in `--help`. `choices`: a function that returns the words
        it may be. `method`: the method it is for; others refuse it.
    """
    return {"help": help, **facts}


class OptionSet:
    """Base of the option sets: checks types and ranges when one is made."""

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
