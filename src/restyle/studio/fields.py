"""The options of the API: the fields of `restyle.options` as form fields and query parameters.

Names are those of the Python keywords. Options that concern files or the machine are the server's, and are
not offered; `OMITTED` says which and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from restyle.errors import OptionError
from restyle.images.looks import LOOKS
from restyle.options import (
    AudioOptions,
    DubOptions,
    ImageOptions,
    OptimizeOptions,
    OptionSet,
    PhotoOptions,
    SaveOptions,
    VideoOptions,
    from_keywords,
)
from restyle.options.base import choices_of
from restyle.options.image import STARTS

OMITTED = {
    "model": "chosen when the server starts",
    "device": "chosen when the server starts",
    "threads": "chosen when the server starts",
    "max_pixels": "a limit of the server",
    "memory": "a limit of the server",
    "overwrite": "results have a folder of their own",
    "resume": "a job runs once",
    "preview": "jobs have a preview of their own",
    "save_every": "jobs have a preview of their own",
    "fps": "for folders of pictures",
}
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True)
class Medium:
    """What one route of the API takes: its option sets, in the order in which they are described."""

    name: str
    kinds: tuple[type[OptionSet], ...]

    def options(self) -> Iterator[tuple[Any, Any]]:
        """Yield the fields that are offered, with their types; a field of two sets is the first set's."""
        seen = set(OMITTED)
        for kind in self.kinds:
            hints = get_type_hints(kind)
            for each in fields(kind):  # type: ignore[arg-type]
                if each.name not in seen:
                    seen.add(each.name)
                    yield each, hints[each.name]


IMAGES = Medium("images", (PhotoOptions, OptimizeOptions, SaveOptions))
VIDEOS = Medium("videos", (ImageOptions, VideoOptions, DubOptions))
AUDIO = Medium("audio", (AudioOptions,))
MEDIA = {medium.name: medium for medium in (IMAGES, VIDEOS, AUDIO)}


def describe(medium: Medium) -> list[dict[str, Any]]:
    """Describe the options of a medium as JSON: name, type, default, range or choices, help, methods."""
    described = []
    for each, hint in medium.options():
        facts, choices = each.metadata, choices_of(hint, each.metadata)
        entry: dict[str, Any] = {"name": each.name, "type": _type(hint, choices), "default": each.default}
        if "low" in facts:
            entry |= {"minimum": facts["low"], "maximum": facts["high"]}
        if choices:
            entry["choices"] = list(choices)
        if "method" in facts:
            entry["methods"] = facts["method"].split("|")
        described.append({**entry, "help": facts["help"], "panel": facts.get("panel")})
    return described


def schema(medium: Medium) -> dict[str, Any]:
    """Return the options as properties of an OpenAPI schema."""
    properties = {}
    for entry in describe(medium):
        more: dict[str, Any] = {key: entry[key] for key in ("minimum", "maximum") if key in entry}
        if "choices" in entry:
            more["enum"] = entry["choices"]
        if entry["default"] is not None:
            more["default"] = entry["default"]
        properties[entry["name"]] = {"type": entry["type"], "description": entry["help"], **more}
    return properties


def parse(medium: Medium, given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Convert texts of a form or a query to the keywords of the Python call, and check them.

    Raises
    ------
    OptionError
        An unknown name, a name given twice, or a value that is wrong.
    """
    known = {each.name: (each, hint) for each, hint in medium.options()}
    values: dict[str, Any] = {}
    for name, text in given:
        if name in OMITTED:
            raise OptionError(f"{name} is not an option of the API: {OMITTED[name]}; leave it out")
        if name in values:
            raise OptionError(f"{name} is given twice; give it once")
        if name in known:
            each, hint = known[name]
            values[name] = _convert(name, text, hint, each.metadata)
        else:
            values[name] = text
    try:
        option_sets(medium, values)
    except TypeError as error:
        raise OptionError(f"{error}".replace("keyword", "field")) from None
    if values.get("init", STARTS[0]) not in STARTS:
        raise OptionError(f"init '{values['init']}' is none of {', '.join(STARTS)}")
    look = values.get("look")
    if look is not None and look not in LOOKS:  # no file of the server
        raise OptionError(f"look '{look}' is none of {', '.join(LOOKS)}")
    return values


def option_sets(medium: Medium, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Create the option sets of a medium; a name that two sets have is given to both."""
    kinds = medium.kinds
    names = [{each.name for each in fields(kind)} for kind in kinds]  # type: ignore[arg-type]
    from_keywords(values, *kinds)
    return tuple(
        kind(**{name: value for name, value in values.items() if name in own})
        for kind, own in zip(kinds, names, strict=True)
    )


def _type(hint: Any, choices: tuple[str, ...]) -> str:
    arms = [arm for arm in (get_args(hint) or (hint,)) if arm is not type(None)]
    return "string" if choices or len(arms) > 1 else _TYPES[arms[0]]


def _convert(name: str, text: str, hint: Any, facts: Any) -> Any:
    """Convert a text to the type of an option; an empty one is the default of an option that may be None."""
    if type(None) in get_args(hint) and text in ("", "null", "None"):
        return None
    kind = _type(hint, choices_of(hint, facts))
    if kind == "boolean":
        if text.lower() not in (*_TRUE, *_FALSE):
            raise OptionError(f"{name} '{text}' is neither true nor false")
        return text.lower() in _TRUE
    if kind in ("integer", "number"):
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            whole = "a whole number" if kind == "integer" else "a number"
            raise OptionError(f"{name} '{text}' is not {whole}") from None
    return text
